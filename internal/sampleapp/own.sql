-- What the sample app keeps beside antenna's tables: who a token stands for, and
-- what clients wrote into a capture's free-form field.

CREATE TABLE IF NOT EXISTS sample_token (
    token varchar(40) PRIMARY KEY,
    name varchar(255) NOT NULL,
    superuser boolean NOT NULL DEFAULT false
);

CREATE TABLE IF NOT EXISTS sample_member (
    token varchar(40) NOT NULL REFERENCES sample_token (token) ON DELETE CASCADE,
    project_id bigint NOT NULL REFERENCES main_project (id) ON DELETE CASCADE,
    PRIMARY KEY (token, project_id)
);

-- json, not jsonb: what a client sent comes back as it was spelled.
CREATE TABLE IF NOT EXISTS sample_notes (
    source_image_id bigint PRIMARY KEY REFERENCES main_sourceimage (id) ON DELETE CASCADE,
    notes json NOT NULL
);
