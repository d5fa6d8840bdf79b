package app_test

import (
	"testing"

	"github.com/legivellum/metagate/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }
