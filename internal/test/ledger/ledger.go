// Package ledger is a ReceiptGate for tests: it takes receipts over MCP, and is as
// strict as the ledger about their form and their order.
package ledger

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Ledger is a running ReceiptGate. Its methods are safe for concurrent use.
type Ledger struct {
	URL   string
	Token string // wanted as a bearer token, unless it is empty

	mu       sync.Mutex
	receipts []map[string]any
	byID     map[string]map[string]any
	replays  int
	refuse   func(receipt map[string]any) (code string)
	status   atomic.Int64 // instead of an answer, unless it is 0
	hangs    atomic.Bool
	asked    atomic.Int64
	ended    chan struct{}
}

// Start starts a ledger that ends with the test.
func Start(t testing.TB) *Ledger {
	l := &Ledger{byID: map[string]map[string]any{}, ended: make(chan struct{})}
	s := httptest.NewServer(l)
	t.Cleanup(func() {
		close(l.ended)
		s.Close()
	})
	l.URL = s.URL
	return l
}

// Answer makes the ledger answer with an HTTP status and nothing else; 0 ends that.
func (l *Ledger) Answer(status int) { l.status.Store(int64(status)) }

// Hang makes the ledger take requests and answer none.
func (l *Ledger) Hang(on bool) { l.hangs.Store(on) }

// Refuse makes the ledger refuse the receipts that refuse has a code for.
func (l *Ledger) Refuse(refuse func(receipt map[string]any) (code string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = refuse
}

// Receipts are those that were taken, in this order.
func (l *Ledger) Receipts() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]map[string]any(nil), l.receipts...)
}

// Replays is how many came again.
func (l *Ledger) Replays() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replays
}

// Asked is how many requests came, whatever became of them.
func (l *Ledger) Asked() int64 { return l.asked.Load() }

// ServeHTTP is the ledger's one endpoint.
func (l *Ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.asked.Add(1)
	if l.hangs.Load() {
		select {
		case <-r.Context().Done():
		case <-l.ended:
		}
		return
	}
	switch status := int(l.status.Load()); {
	case status != 0:
		http.Error(w, "out of order", status)
		return
	case r.Method != http.MethodPost || r.URL.Path != "/mcp" || r.Header.Get("Content-Type") != "application/json":
		http.Error(w, "POST /mcp takes JSON", http.StatusNotFound)
		return
	case l.Token != "" && r.Header.Get("Authorization") != "Bearer "+l.Token:
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	var call struct {
		JSONRPC string `json:"jsonrpc"`
		ID      any    `json:"id"`
		Method  string `json:"method"`
		Params  struct {
			Name      string `json:"name"`
			Arguments struct {
				Receipt map[string]any `json:"receipt"`
			} `json:"arguments"`
		} `json:"params"`
	}
	answer := map[string]any{"jsonrpc": "2.0"}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil || call.Method != "tools/call" || call.Params.Name != "receiptgate.submit_receipt" {
		answer["error"] = map[string]any{"code": -32600, "message": "no such call"}
	} else if replay, problem := l.take(call.Params.Arguments.Receipt); problem != nil {
		answer["error"] = problem
	} else {
		receipt := call.Params.Arguments.Receipt
		answer["result"] = map[string]any{
			"receipt_id": receipt["receipt_id"], "stored_at": time.Now().UTC(), "tenant_id": receipt["tenant_id"], "idempotent_replay": replay,
		}
	}
	answer["id"] = call.ID
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (l *Ledger) take(r map[string]any) (replay bool, problem map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if details := violations(r); len(details) > 0 {
		return false, map[string]any{"code": "validation_failed", "message": "not schema v1.1", "details": details}
	}
	code := ""
	if l.refuse != nil {
		code = l.refuse(r)
	}
	id, obligation := r["receipt_id"].(string), r["obligation_id"]
	switch known := l.byID[id]; {
	case code != "":
	case known != nil && reflect.DeepEqual(known, r):
		l.replays++
		return true, nil
	case known != nil:
		code = "RECEIPT_ID_COLLISION"
	case r["phase"] == "accepted" && l.has(obligation, "accepted"):
		code = "OBLIGATION_ALREADY_EXISTS"
	case r["phase"] == "complete" && !l.has(obligation, "accepted"):
		code = "COMPLETE_WITHOUT_ACCEPT"
	case r["phase"] == "complete" && l.has(obligation, "complete"):
		code = "OBLIGATION_ALREADY_TERMINATED"
	}
	if code != "" {
		return false, map[string]any{"code": code, "message": "refused\x00"}
	}
	l.byID[id] = maps.Clone(r)
	l.byID[obligation.(string)+r["phase"].(string)] = r
	l.receipts = append(l.receipts, r)
	return false, nil
}

func (l *Ledger) has(obligation any, phase string) bool {
	return l.byID[obligation.(string)+phase] != nil
}
