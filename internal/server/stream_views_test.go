package server

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

func TestAStreamedStartupIsTheSameAsAListedOne(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 123000, time.UTC)
	s := &Server{Options: Options{Now: func() time.Time { return now }}}
	full := store.StartupSession{}
	v := reflect.ValueOf(&full).Elem()
	for i := range v.NumField() { // everything that may be absent is there
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString(v.Type().Field(i).Name)
		case *string:
			f.Set(reflect.ValueOf(new("<" + v.Type().Field(i).Name)))
		case int64:
			f.SetInt(int64(i))
		case *int64:
			f.Set(reflect.ValueOf(new(int64(i))))
		case time.Time:
			f.Set(reflect.ValueOf(now.Add(time.Duration(i) * time.Second)))
		case *time.Time:
			f.Set(reflect.ValueOf(new(now.Add(time.Duration(i) * time.Second))))
		case uuid.UUID:
			f.Set(reflect.ValueOf(uuid.New()))
		case *uuid.UUID:
			f.Set(reflect.ValueOf(new(uuid.New())))
		case store.JSON:
			f.Set(reflect.ValueOf(store.JSON(`{"n":1.10}`)))
		}
	}
	overdue := store.StartupSession{OpenedAt: now.Add(-time.Hour), DeadlineAt: now.Add(-time.Minute), Status: "OPEN"}
	for _, row := range []store.StartupSession{{}, full, overdue} {
		want, err := json.Marshal(s.startupView(row))
		require.NoError(t, err)
		got, err := json.Marshal(s.startupAsSeen(row))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
	}
}
