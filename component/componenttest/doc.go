// Package componenttest has a MetaGate for the tests of a component: a server in the
// test's process, which answers with a packet of yours and keeps what it is told.
//
//	func TestIndexerIsReadyWhenItListens(t *testing.T) {
//		metagate := componenttest.NewServer(t, `{"services": {"memorygate": {"endpoint": "http://127.0.0.1:8001"}}}`)
//		if err := indexer.Run(t.Context(), metagate.Config("indexer_01")); err != nil {
//			t.Fatal(err)
//		}
//		if got := metagate.Startups()[0]; got.Status != "READY" {
//			t.Errorf("%s: %s", got.Status, got.Error)
//		}
//	}
//
// It is strict: a request that no component should send, such as bad JSON, a report of
// an unknown startup, a path that MetaGate hasn't, fails the test. [Server.Fail] makes
// the next requests fail, as they do while a server is restarted.
package componenttest
