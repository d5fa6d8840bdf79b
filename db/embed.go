// Package db holds the SQL: the migrations of each engine and the queries that
// sqlc compiles for both.
package db

import "embed"

// Migrations has postgres/migrations and sqlite/migrations: same versions, same
// tables, same column order.
//
//go:embed postgres/migrations/*.sql sqlite/migrations/*.sql
var Migrations embed.FS
