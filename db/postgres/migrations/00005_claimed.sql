-- +goose Up
-- When a component that started without MetaGate says that it began, and was READY or
-- FAILED: its own clock's times, apart from those at which that was told.
ALTER TABLE startup_sessions ADD COLUMN claimed_opened_at timestamptz;
ALTER TABLE startup_sessions ADD COLUMN claimed_closed_at timestamptz;

-- +goose Down
ALTER TABLE startup_sessions DROP COLUMN claimed_opened_at;
ALTER TABLE startup_sessions DROP COLUMN claimed_closed_at;
