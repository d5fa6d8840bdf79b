// Package storetest holds the engines to one behaviour: everything that the
// rest of the program counts on, asked of a real database.
package storetest

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// Run runs the suite. open gives an open Store of a fresh, migrated database,
// which it closes when the test ends.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s *store.Store){
		"every query does what its name says":                                everyQuery,
		"lists are read in pages that neither repeat nor miss a row":         keysetLists,
		"times keep their microseconds and come back in UTC":                 timesSurvive,
		"times compare by instant, whatever their fraction":                  timesCompare,
		"ids sort in the order of creation, which is that of their text":     idsSort,
		"JSON documents keep every byte":                                     jsonExact,
		"a JSON column without a document is null":                           jsonNull,
		"unique indexes are named by code":                                   uniqueErrors,
		"a principal has at most one active binding":                         partialUnique,
		"foreign keys are named by code":                                     foreignKeyErrors,
		"a missing row is named by code":                                     notFoundErrors,
		"a transaction commits what its function wrote":                      txCommits,
		"a transaction is rolled back when its function fails":               txFails,
		"a transaction is rolled back when its function panics":              txPanics,
		"a transaction is rolled back when its context ends":                 txCancelled,
		"a transaction reads what it wrote, and others don't yet":            txIsolated,
		"what is staged is written as it was recorded":                       stagedWrites,
		"what is staged is written in order":                                 stagedInOrder,
		"what can't all be written of what is staged is not written":         stagedUndone,
		"a snapshot sees one moment and writes nothing":                      snapshot,
		"whoever was told that a write is done reads it":                     readYourWrites,
		"a receipt is written only for the world that was resolved":          openStartupEpoch,
		"concurrent writers of a tenant stand in a row":                      revisionsSerialise,
		"a rolled back write leaves the revision as it was":                  revisionRollsBack,
		"a report counts only from who opened it, while it is who it was":    reportStartupConditions,
		"an empty batch writes nothing":                                      emptyBatches,
		"a batch of receipts is that of each of its rows":                    openBatch,
		"a batch with a bad row fails and writes nothing":                    openBatchBadRow,
		"an id opens one startup, whoever comes with it again":               openBatchRepeated,
		"a batch of reports is that of each of its rows":                     reportBatch,
		"of two reports in one batch one wins":                               reportBatchTwice,
		"a batch whose context has ended writes nothing":                     batchesCancelled,
		"an open startup is never removed before it is overdue":              retentionKeepsOpen,
		"old startups are removed in batches, oldest first":                  retentionBatches,
		"open startups are counted, and the overdue among them":              countOpen,
		"each principal's last component is found, however long ago":         lastComponents,
		"one report wins, whoever else reports at the same time":             oneReportWins,
		"alarms are those that nothing ended, by deadline":                   listAlarms,
		"changes are read in the order of their numbers, in pages":           listChanges,
		"whoever reads what is settled misses no writer that was held up":    settledChanges,
		"whoever reads what is settled misses none of many writers":          manyChanges,
		"whoever waits for long for a writer is told so":                     heldUp,
		"one replica has a lease at a time":                                  leases,
		"what supersedes an alarm is found on the roster":                    listSuperseded,
		"the last starts of many are put down like each of them":             putRosters,
		"of refusals those seen last stay":                                   refusalsBeyond,
		"migrating twice is the same as once":                                migrateTwice,
		"the newest migration can be taken back and applied again":           migrateDownUp,
		"a database that lacks migrations is not ready":                      readyPending,
		"the pool counts the connections in use":                             poolStats,
		"a context that has ended is an error and leaves the store in order": endedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func everyQuery(t *testing.T, s *store.Store) {
	port := reflect.TypeFor[store.Queries]()
	for m := range port.Methods() {
		require.Contains(t, queries, m.Name, "a query without a test")
	}
	require.Len(t, queries, port.NumMethod(), "a test without a query")
	for name, test := range queries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, s))
		})
	}
}

// queries has a test for each query, run in a tenant of its own.
var queries = join(principals, profiles, manifests, bindings, secretRefs, validators, apiKeys, startups, alarms, sinks, events, outcomes, refusals, auditLog, history, resolving, identities)

type tests map[string]func(t *testing.T, w *world)

func join(parts ...tests) tests {
	all := tests{}
	for _, part := range parts {
		for name, test := range part {
			if _, twice := all[name]; twice {
				panic("two tests of " + name)
			}
			all[name] = test
		}
	}
	return all
}

// must is for what a test needs but isn't about.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// lists asserts which rows a list shows.
func lists[R any](t *testing.T, rows []R, err error, want ...R) {
	t.Helper()
	require.NoError(t, err)
	require.NotNil(t, rows, "an empty list is [] and not null")
	require.Equal(t, append([]R{}, want...), rows)
}
