-- table:
DROP FUNCTION thumbedge.notify();
