-- What Django fills in where code names no value. None for thumbnail rows: thumbedge
-- writes those, and must name every column that antenna wants named.
ALTER TABLE main_project ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now(), ALTER description SET DEFAULT '',
    ALTER feature_flags SET DEFAULT '{}', ALTER active SET DEFAULT true, ALTER priority SET DEFAULT 1,
    ALTER session_time_gap_seconds SET DEFAULT 7200, ALTER default_filters_score_threshold SET DEFAULT 0.5;
ALTER TABLE main_s3storagesource ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now(), ALTER prefix SET DEFAULT '';
ALTER TABLE main_deployment ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now(), ALTER description SET DEFAULT '';
ALTER TABLE main_event ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now();
ALTER TABLE main_sourceimage ALTER created_at SET DEFAULT now(), ALTER updated_at SET DEFAULT now(), ALTER test_image SET DEFAULT false;
