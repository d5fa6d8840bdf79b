package feed

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

func TestAnObligationIsKnownByItsTask(t *testing.T) {
	t.Parallel()
	for task, want := range map[string]string{ // as LegiVellum's derive_ulid has it
		"startup-00000000-0000-0000-0000-000000000000": "3RA06QPASA7XB66FJ0ABMSVWEJ",
		"startup-0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f": "3GF13Z2X1HPA77Z9XQATE9Z465",
	} {
		got, err := obligationID(task)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestAReceiptMadeAgainIsTheSame(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 7, 1, 12, 0, 0, 1000, time.UTC)
	s := store.StartupSession{
		ID: uuid.New(), TenantKey: "t", PrincipalKey: "p", ComponentKey: "c", OpenedAt: at, DeadlineAt: at, ReadyAt: &at,
		DeploymentKey: new("eu"), Health: store.JSON(`{"load":1.10}`),
	}
	first, err := completion(s, "metagate")
	require.NoError(t, err)
	s.SupersededAt, s.Changed = &at, 99 // what becomes of it later is nothing to the ledger
	again, err := completion(s, "metagate")
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, "eu", first.Inputs["deployment_key"])
	require.NotEqual(t, receiptID(s.ID, accepted), first.ReceiptID)
	require.Equal(t, receiptID(s.ID, accepted).String(), first.CausedByReceiptID)
}

func TestWhatTheLedgerAnswersIsAboutTheReceiptOrAboutItself(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		body    string
		refusal string // its code; empty is about the ledger
		says    string
	}{
		"a text for a code":        {200, `{"jsonrpc":"2.0","id":1,"error":{"code":"TENANT_MISMATCH","message":"not yours"}}`, "TENANT_MISMATCH", "not yours"},
		"a number for a code":      {200, `{"error":{"code":-32602,"message":"what?"}}`, "-32602", "what?"},
		"the code in data":         {200, `{"error":{"code":-32000,"message":"no","data":{"code":"RECEIPT_ID_COLLISION"}}}`, "RECEIPT_ID_COLLISION", "no"},
		"with details":             {200, `{"error":{"code":"validation_failed","message":"bad","details":["phase"]}}`, "validation_failed", `bad ["phase"]`},
		"an error of MCP":          {200, `{"result":{"isError":true,"structuredContent":{"code":"IDENTITY_MISMATCH","message":"who?"}}}`, "IDENTITY_MISMATCH", "who?"},
		"an error without a code":  {200, `{"result":{"isError":true}}`, "isError", ""},
		"a refusal with a status":  {422, `{"error":{"code":"validation_failed","message":"bad"}}`, "validation_failed", "bad"},
		"a credential not known":   {401, `{"error":{"code":"UNAUTHENTICATED"}}`, "", "RECEIPTGATE_AUTH_TOKEN"},
		"too large for a proxy":    {413, `<html>`, "too_large", "413"},
		"too large for the ledger": {413, `{"error":{"code":-32600,"message":"big"}}`, "too_large", "413"},
		"out of order in JSON-RPC": {503, `{"error":{"code":-32603,"message":"maintenance"}}`, "", "maintenance"},
		"out of order with a code": {500, `{"error":{"code":"validation_failed","message":"oops"}}`, "", "500"},
		"asked too often":          {429, `{"error":{"code":-32000,"message":"later"}}`, "", "429"},
		"too slow":                 {408, `{"result":{"isError":true}}`, "", "408"},
		"a proxy":                  {502, `<html>`, "", "502"},
		"out of order":             {503, `{"result":{}}`, "", "503"},
		"another program's answer": {200, `{"hello":"world"}`, "", "no MCP result"},
		"no JSON":                  {200, `OK`, "", "no MCP result"},
		"an empty answer":          {200, ``, "", "no MCP result"},
		"a redirect":               {307, ``, "", "307"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://192.0.2.1/")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer s.Close()
			err := newLedger(s.URL, "").submit(t.Context(), uuid.New(), receipt{})
			require.ErrorContains(t, err, test.says)
			no, ok := errors.AsType[*refusal](err)
			require.Equal(t, test.refusal != "", ok, "%v", err)
			if ok {
				require.Equal(t, test.refusal, no.Code)
			}
		})
	}
}

func TestARefusalOfAnUnknownKindStandsInTheWayForAWhile(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"error":{"code":"internal_error","message":"oops"}}`))
	}))
	defer s.Close()
	m := New(Options{Now: store.Now, Log: slog.New(slog.DiscardHandler), Endpoint: s.URL, Opened: func() int64 { return 0 }})
	r := receipt{ReceiptID: uuid.New()}
	for range patience - 1 {
		err := m.submit(t.Context(), r)
		require.ErrorContains(t, err, "internal_error")
		_, final := errors.AsType[*refusal](err)
		require.False(t, final)
	}
	_, final := errors.AsType[*refusal](m.submit(t.Context(), r))
	require.True(t, final)
}

func TestAnOutageRefusesNothingHoweverLongItLastsAndWhateverItSays(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"maintenance"}}`))
	}))
	defer s.Close()
	m := New(Options{Now: store.Now, Log: slog.New(slog.DiscardHandler), Endpoint: s.URL, Opened: func() int64 { return 0 }})
	r := receipt{ReceiptID: uuid.New()}
	for range 2 * patience {
		err := m.submit(t.Context(), r)
		require.ErrorContains(t, err, "503")
		_, final := errors.AsType[*refusal](err)
		require.False(t, final)
	}
}

func TestAReceiptThatIsTooLargeStandsInTheWayOfNone(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>", http.StatusRequestEntityTooLarge)
	}))
	defer s.Close()
	m := New(Options{Now: store.Now, Log: slog.New(slog.DiscardHandler), Endpoint: s.URL, Opened: func() int64 { return 0 }})
	_, final := errors.AsType[*refusal](m.submit(t.Context(), receipt{ReceiptID: uuid.New()}))
	require.True(t, final)
}

func TestTheMoreComponentsStartTheFewerReceiptsGoOut(t *testing.T) {
	t.Parallel()
	var opened int64
	p, now := newPace(func() int64 { return opened }), time.Now()
	for _, test := range []struct {
		starts    int64 // in a second
		perSecond float64
	}{{0, most}, {calm, most}, {2 * calm, most / 2}, {20_000, most / 20}, {100_000, least}, {10, most}} {
		p.adapt(now)
		opened, now = opened+test.starts, now.Add(time.Second)
		p.adapt(now)
		require.InDelta(t, test.perSecond, float64(p.limit.Limit()), 0.001)
	}
}

func TestWhatWasHandedOverIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	m, first := &memory{}, uuid.New()
	m.add(first)
	for range remembered {
		m.add(uuid.New())
	}
	require.True(t, m.has(first))
	for range remembered {
		m.add(uuid.New())
	}
	require.False(t, m.has(first))
	require.LessOrEqual(t, len(m.now)+len(m.past), 2*remembered)
}

func TestALongRefusalIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no", clip("no"))
	require.Equal(t, "a\uFFFDb\uFFFDc", clip("a\x00b\xffc"))
	cut := clip(strings.Repeat("é", longestError))
	require.Equal(t, strings.Repeat("é", longestError/2)+"…", cut)
}
