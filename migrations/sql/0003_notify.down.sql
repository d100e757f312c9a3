-- table:
-- CASCADE: a table that another one has taken the place of still has its triggers.
DROP FUNCTION IF EXISTS thumbedge.notify() CASCADE;
