-- +goose Up
-- The body of the packet that an instance started with, as its receipt names it, for as
-- long as it is on the roster; null where none was kept.
ALTER TABLE roster ADD COLUMN packet_body bigint;

-- +goose Down
ALTER TABLE roster DROP COLUMN packet_body;
