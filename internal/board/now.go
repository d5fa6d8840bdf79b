package board

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

// rowsAtOnce are on one page: as many as a browser replaces between two frames.
const rowsAtOnce = 200

// row is the last start of an instance of a component, or that there is none.
type row struct {
	ID, Startup                            string
	Tenant, Principal, Component, Instance string
	State, Packet                          string
	Since, Deadline                        time.Time
	Allowed                                float64 // seconds from its start to its deadline; zero without one
	TimeToReady                            float64 // zero where it isn't READY
	Build, Manifest, Owner                 string
	Version, Missing                       int64
	Sections                               string // in which the packet is outdated, where that is known
	Content                                string // differs where a row shows something else
	Late, isReady                          bool
	search                                 string
}

func newRow(e model.RosterEntry, s model.RosterStart) row {
	r := row{
		Tenant: e.TenantKey, Principal: e.PrincipalKey, Component: cmp.Or(s.ComponentKey, e.PrincipalKey), Instance: val(s.InstanceID),
		State: string(s.State), Packet: string(val(s.Packet)), Since: s.Since, Missing: s.Missing, Late: s.Late,
		TimeToReady: val(s.TimeToReady), isReady: !s.TimeToReady.IsNull(), Build: val(s.BuildVersion),
		Manifest: val(s.Manifest), Version: val(s.ManifestVersion), Owner: owner(e.Labels),
	}
	r.Sections = strings.Join(s.Sections, ", ")
	if !s.StartupID.IsNull() {
		r.Startup = s.StartupID.MustGet().String()
	}
	if r.Deadline = val(s.DeadlineAt); s.State == model.RosterStateOPEN {
		r.Allowed = r.Deadline.Sub(s.Since).Seconds()
	}
	h := fnv.New64a() // of what stays when it starts again: the row stays, too
	fmt.Fprintf(h, "%s\n%s\n%s\n%s", e.PrincipalID, s.ComponentKey, r.Instance, strconv.FormatBool(r.Startup == ""))
	r.ID = strconv.FormatUint(h.Sum64(), 36)
	h.Reset() // and of what it shows, but for the time that goes by
	fmt.Fprintf(h, "%v", r)
	r.Content = strconv.FormatUint(h.Sum64(), 36)
	r.search = strings.ToLower(strings.Join([]string{r.Tenant, r.Principal, r.Component, r.Instance, r.Build, r.Manifest, r.Owner, r.State}, "\n"))
	return r
}

// owner is whom a binding's labels name: owner or team, else all of them.
func owner(labels model.Labels) string {
	var all map[string]string
	_ = json.Unmarshal(labels, &all) // none is nobody's
	if name := cmp.Or(all["owner"], all["team"]); name != "" {
		return name
	}
	out := make([]string, 0, len(all))
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, k+"="+all[k])
	}
	return strings.Join(out, " ")
}

// states are in the order in which an operator wants to see them.
var states = []string{"FAILED", "OVERDUE", "NEVER", "OPEN", "READY"}

// sortRows puts what is worst first and, of what is alike, the latest.
func sortRows(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State)), b.Since.Compare(a.Since),
			cmp.Compare(a.Component, b.Component), cmp.Compare(a.Instance, b.Instance))
	})
}

// nowView is the first page.
type nowView struct {
	Tiles                   []tile
	Rows                    []row
	Query, State, Packet    string
	Matching, From, To      int
	Before, After           string // links
	More, Tenants, Filtered bool
	Median, Slow            string // of the times to ready
}

type tile struct {
	Name, Link string
	N          int
	Selected   bool
}

// now answers GET /board/: who is up, and who is not.
func (b *Board) now(_ http.ResponseWriter, r *http.Request, as api) (*view, error) {
	q := r.URL.Query()
	tenant := q.Get("tenant")
	rows, more, err := b.rosters.of(as.credential, tenant).get(r.Context(), as, tenant)
	if err != nil {
		return nil, err
	}
	v := nowView{Query: q.Get("q"), State: q.Get("state"), Packet: q.Get("packet"), More: more}
	v.Filtered = v.Query != "" || v.State != "" || v.Packet != ""
	v.tiles(rows, q)
	var shown []row
	needle := strings.ToLower(strings.TrimSpace(v.Query))
	for i := range rows {
		if (v.State == "" || rows[i].State == v.State) && (v.Packet == "" || rows[i].Packet == v.Packet) && strings.Contains(rows[i].search, needle) {
			shown = append(shown, rows[i])
		}
		v.Tenants = v.Tenants || rows[i].Tenant != rows[0].Tenant
	}
	v.Matching = len(shown)
	from, _ := strconv.Atoi(q.Get("from")) // what is no number is the beginning
	from = max(0, min(from, (len(shown)-1)/rowsAtOnce*rowsAtOnce))
	v.Rows = shown[from:min(from+rowsAtOnce, len(shown))]
	v.From, v.To = min(from+1, len(shown)), from+len(v.Rows)
	if from > 0 {
		v.Before = with(q, "from", strconv.Itoa(max(0, from-rowsAtOnce)))
	}
	if v.To < len(shown) {
		v.After = with(q, "from", strconv.Itoa(v.To))
	}
	return &view{Page: "now", Title: "Now", Live: true, Data: v}, nil
}

func (v *nowView) tiles(rows []row, q url.Values) {
	counts := map[string]int{}
	var times []float64
	for i := range rows {
		n := 1
		if rows[i].State == "NEVER" {
			n = int(max(1, rows[i].Missing))
		}
		counts[rows[i].State] += n
		if rows[i].Packet == string(model.RosterPacketOutdated) {
			counts["outdated"]++
		}
		if rows[i].isReady {
			times = append(times, rows[i].TimeToReady)
		}
	}
	for _, name := range states {
		t := tile{Name: name, N: counts[name], Selected: v.State == name, Link: with(q, "state", name)}
		if t.Selected {
			t.Link = with(q, "state", "")
		}
		v.Tiles = append(v.Tiles, t)
	}
	t := tile{Name: "outdated", N: counts["outdated"], Selected: v.Packet == "outdated", Link: with(q, "packet", "outdated")}
	if t.Selected {
		t.Link = with(q, "packet", "")
	}
	v.Tiles = append(v.Tiles, t)
	if len(times) > 0 {
		slices.Sort(times)
		v.Median, v.Slow = seconds(times[(len(times)-1)/2]), seconds(times[(len(times)-1)*95/100])
	}
}

// with is the link to this page with another parameter, from its beginning.
func with(q url.Values, name, value string) string {
	out := url.Values{}
	for _, keep := range []string{"q", "state", "packet", "tenant"} {
		if v := q.Get(keep); v != "" {
			out.Set(keep, v)
		}
	}
	if out.Set(name, value); value == "" {
		out.Del(name)
	}
	return "?" + out.Encode()
}
