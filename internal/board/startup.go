package board

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
)

// startupView is one startup.
type startupView struct {
	model.StartupSession
	State    string
	Allowed  float64
	Timeline []event
	Facts    []fact
	Packet   packetView
	Audit    []model.AuditEntry // what has been written of its world since, the latest first
	World    []model.AuditEntry // what made the world that it was answered from
	Error    string             // why it couldn't be acknowledged
	Reason   string             // that was given for it
}

type event struct {
	At           time.Time
	What, Detail string
	After        string // the time since it was opened
	Bad, Future  bool
}

// fact is a member of the receipt: testimony, shown as it came.
type fact struct{ Name, Text string }

// startup answers GET /board/startups/{id}.
func (b *Board) startup(_ http.ResponseWriter, r *http.Request, as api) (*view, error) {
	return b.oneStartup(r, as, startupView{})
}

func (b *Board) oneStartup(r *http.Request, as api, v startupView) (*view, error) {
	ctx := r.Context()
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return nil, noSuchStartup
	}
	receipt, err := got(as.GetStartupWithResponse(ctx, id))
	if err != nil {
		return nil, err
	}
	v.StartupSession = *receipt.JSON200
	v.State = stateOf(v.StartupSession)
	v.Allowed = v.DeadlineAt.Sub(v.OpenedAt).Seconds()
	v.Timeline = timeline(v.StartupSession, b.Now())
	v.Facts = facts(v.StartupSession)
	if v.Packet, err = packets(ctx, as, v.StartupSession); err != nil {
		return nil, err
	}
	if v.World, v.Audit, err = writes(ctx, as, v.StartupSession); err != nil {
		return nil, err
	}
	return &view{Page: "startup", Title: v.ComponentKey, Live: true, Data: v}, nil
}

var noSuchStartup = refused{model.Problem{Status: http.StatusNotFound, Detail: "There is no such startup."}}

// acknowledge answers the form on a startup's page.
func (b *Board) acknowledge(w http.ResponseWriter, r *http.Request, as api) (*view, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return nil, noSuchStartup
	}
	reason := strings.TrimSpace(r.PostFormValue("reason"))
	_, err = got(as.AcknowledgeStartupWithResponse(r.Context(), id, model.Acknowledgement{Reason: reason}))
	if no, ok := errors.AsType[refused](err); ok && (no.Status == http.StatusBadRequest || no.Status == http.StatusConflict) {
		return b.oneStartup(r, as, startupView{Error: no.Detail, Reason: reason})
	}
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, Path+"startups/"+id.String(), http.StatusSeeOther) //nolint:gosec // it is a UUID
	return nil, nil                                                        //nolint:nilnil // it is answered
}

// stateOf tells an OPEN startup's alarm, and what ended it.
func stateOf(s model.StartupSession) string {
	switch {
	case s.Status != model.StartupStatusOPEN:
		return string(s.Status)
	case s.Overdue:
		return "OVERDUE"
	case !s.AcknowledgedAt.IsNull():
		return "ACKNOWLEDGED"
	case !s.SupersededAt.IsNull():
		return "SUPERSEDED"
	}
	return string(s.Status)
}

func timeline(s model.StartupSession, now time.Time) []event {
	var out []event
	add := func(at time.Time, what, detail string, bad bool) {
		e := event{At: at, What: what, Detail: detail, Bad: bad, Future: at.After(now)}
		switch d := at.Sub(s.OpenedAt); {
		case d < 0:
			e.After = "−" + span(-d)
		case d > 0:
			e.After = "+" + seconds(d.Seconds())
		}
		out = append(out, e)
	}
	add(s.OpenedAt, "OPEN", fmt.Sprintf("packet %.8s of manifest %s@%d", s.PacketEtag, s.Manifest, s.ManifestVersion), false)
	closed := cmp.Or(val(s.ReadyAt), val(s.FailedAt))
	add(s.DeadlineAt, "deadline", "", closed.IsZero() && !s.DeadlineAt.After(now))
	if at := val(s.ClaimedOpenedAt); !at.IsZero() {
		add(at, "began, as it says", "it started without this server", false)
	}
	if at := val(s.ClaimedClosedAt); !at.IsZero() {
		add(at, "ended, as it says", "", false)
	}
	if at := val(s.ReadyAt); !at.IsZero() {
		add(at, "READY", val(s.BuildVersion), s.Late)
	}
	if at := val(s.FailedAt); !at.IsZero() {
		add(at, "FAILED", val(s.Error), true)
	}
	if at := val(s.SupersededAt); !at.IsZero() {
		add(at, "superseded", "a later start took its place", false)
	}
	if at := val(s.AcknowledgedAt); !at.IsZero() {
		add(at, "acknowledged", "by "+val(s.AcknowledgedBy)+": "+val(s.AcknowledgedReason), false)
	}
	slices.SortStableFunc(out, func(a, b event) int { return a.At.Compare(b.At) })
	return out
}

func facts(s model.StartupSession) []fact {
	all := []fact{
		{"Startup", s.StartupID.String()},
		{"Tenant", s.TenantKey},
		{"Principal", s.PrincipalKey},
		{"Component", s.ComponentKey},
		{"Instance", val(s.InstanceID)},
		{"Host", val(s.Host)},
		{"Address", val(s.RemoteAddr)},
		{"Source", string(s.Source)},
		{"Profile", s.Profile},
		{"Manifest", fmt.Sprintf("%s@%d", s.Manifest, s.ManifestVersion)},
		{"Packet etag", s.PacketEtag},
		{"Build version", val(s.BuildVersion)},
		{"Error", val(s.Error)},
		{"Health", indented(val(s.Health))},
		{"Details", indented(val(s.Details))},
		{"Labels", indented(val(s.Labels))},
		{"Credential", indented(val(s.Credential))},
		{"Mirror", string(s.MirrorStatus)},
		{"Mirror error", val(s.MirrorError)},
	}
	if at := val(s.SupersededBy); at != uuid.Nil {
		all = append(all, fact{"Superseded by", at.String()})
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Text == "" || f.Text == "null" })
}

// indented is a document for people.
func indented(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}
