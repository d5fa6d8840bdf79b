package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	ledgerTimeout = 10 * time.Second
	maxAnswer     = 1 << 20 // bytes of an answer that are read
)

// ledger is a ReceiptGate: an MCP server with a tool that takes receipts.
type ledger struct {
	url, token string
	http       *http.Client
}

// newLedger takes the endpoint with or without its /mcp.
func newLedger(endpoint, token string) ledger {
	if endpoint = strings.TrimRight(endpoint, "/"); !strings.HasSuffix(endpoint, "/mcp") {
		endpoint += "/mcp"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce
	return ledger{url: endpoint, token: token, http: &http.Client{
		Transport: transport, Timeout: ledgerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for one address
	}}
}

// refusal is the ledger's word on one receipt.
type refusal struct {
	Code    string
	Message string
}

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

// final are the refusals that the same receipt would meet again.
var final = map[string]bool{
	"validation_failed": true, "RECEIPT_ID_COLLISION": true, "TENANT_MISMATCH": true, "IDENTITY_MISMATCH": true,
	"OBLIGATION_ALREADY_EXISTS": true, "COMPLETE_WITHOUT_ACCEPT": true, "ACTOR_NOT_CUSTODIAN": true, "OBLIGATION_ALREADY_TERMINATED": true,
	tooLarge: true,
}

// tooLarge is the code for a receipt that the ledger, or a proxy before it, answers 413.
const tooLarge = "too_large"

// outage reports whether a status is about the ledger, whatever is said beside it.
func outage(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// submit hands a receipt over. A *refusal is about this receipt; any other error
// says that the ledger can't be used now, as do a credential that it doesn't know and
// an address where it isn't.
func (l ledger) submit(ctx context.Context, id uuid.UUID, r receipt) error {
	call, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": id, "method": "tools/call",
		"params": map[string]any{"name": "receiptgate.submit_receipt", "arguments": map[string]any{"receipt": r}},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(call))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if l.token != "" {
		req.Header.Set("Authorization", "Bearer "+l.token)
	}
	res, err := l.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	return answer(res, body)
}

// answered is a JSON-RPC response as LegiVellum's gates write it, and as MCP does.
type answered struct {
	Result *struct {
		IsError           bool            `json:"isError"`
		StructuredContent json.RawMessage `json:"structuredContent"`
	} `json:"result"`
	Error *struct {
		Code    json.RawMessage `json:"code"` // a text of the ledger's own, or JSON-RPC's number
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
		Details json.RawMessage `json:"details"`
	} `json:"error"`
}

func answer(res *http.Response, body []byte) error {
	var a answered
	err := json.Unmarshal(body, &a)
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the ledger answers %s: it does not take RECEIPTGATE_AUTH_TOKEN", res.Status)
	case outage(res.StatusCode):
		says := ""
		if err == nil && a.Error != nil {
			says = ": " + a.Error.Message
		}
		return fmt.Errorf("%s answers %s%s", res.Request.URL.Redacted(), res.Status, says)
	case res.StatusCode == http.StatusRequestEntityTooLarge: // the same again would stand in the way of all others for ever
		return &refusal{tooLarge, "the answer is " + res.Status}
	case err == nil && a.Error != nil:
		r := &refusal{Code: strings.Trim(string(a.Error.Code), `"`), Message: a.Error.Message}
		var data struct{ Code string }
		if json.Unmarshal(a.Error.Data, &data) == nil && data.Code != "" {
			r.Code = data.Code
		}
		if len(a.Error.Details) > 0 {
			r.Message += " " + string(a.Error.Details)
		}
		return r
	case err == nil && a.Result != nil && a.Result.IsError:
		var data struct{ Code, Message string }
		if json.Unmarshal(a.Result.StructuredContent, &data) != nil || data.Code == "" {
			data.Code, data.Message = "isError", string(a.Result.StructuredContent)
		}
		return &refusal{data.Code, data.Message}
	case res.StatusCode != http.StatusOK || err != nil || a.Result == nil:
		return fmt.Errorf("%s answers %s, which is no MCP result", res.Request.URL.Redacted(), res.Status)
	}
	return nil
}
