// Command go is a program on the generated Go client, gen/client: see ../README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

func main() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	err := errors.Join(component(ctx), admin(ctx))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func connect(variable string) (*client.ClientWithResponses, error) {
	key := os.Getenv(variable)
	return client.NewClientWithResponses(os.Getenv("METAGATE_URL"), client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("X-API-Key", key)
		return nil
	}))
}

func want(ok bool, what string, got any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s: got %+v", what, got)
}

func component(ctx context.Context) error {
	c, err := connect("METAGATE_KEY")
	if err != nil {
		return err
	}
	request := model.BootstrapRequest{ComponentKey: "memorygate_main"}
	first, err := c.BootstrapWithResponse(ctx, nil, request)
	if err != nil {
		return err
	}
	packet := first.JSON200
	if packet == nil {
		return want(false, "bootstrap", first.Status())
	}
	var services map[string]struct{ Endpoint string }
	if err := json.Unmarshal(packet.Services, &services); err != nil {
		return err
	}
	err = want(services["memorygate"].Endpoint != "", "the packet has services", services)

	etag := `"` + packet.PacketEtag + `"`
	again, e := c.BootstrapWithResponse(ctx, &model.BootstrapParams{IfNoneMatch: &etag}, request)
	if e != nil {
		return errors.Join(err, e)
	}
	_, e = uuid.Parse(again.HTTPResponse.Header.Get("Metagate-Startup-Id"))
	err = errors.Join(err, want(again.StatusCode() == http.StatusNotModified, "304", again.Status()), e)

	ready, e := c.ReportReadyWithResponse(ctx, model.ReadyReport{StartupID: packet.Startup.StartupID, BuildVersion: "1.0.0"})
	if e != nil {
		return errors.Join(err, e)
	}
	err = errors.Join(err, want(ready.JSON200 != nil && ready.JSON200.Status == model.StartupStatusREADY, "READY", ready.Status()))
	failed, e := c.ReportFailedWithResponse(ctx, model.FailedReport{StartupID: packet.Startup.StartupID, Error: "no"})
	if e != nil {
		return errors.Join(err, e)
	}
	problem := failed.ApplicationProblemJSON409
	return errors.Join(err, want(problem != nil && problem.Code == "INVALID_STATE", "409", failed.Status()))
}

func admin(ctx context.Context) error {
	c, err := connect("METAGATE_ADMIN_KEY")
	if err != nil {
		return err
	}
	key := "go-" + uuid.NewString()
	created, err := c.CreateProfileWithResponse(ctx, nil, model.ProfileCreate{ProfileKey: key, Policy: []byte(`{"limits": [1], "burst": 5}`)})
	if err != nil {
		return err
	}
	if created.JSON201 == nil {
		return want(false, "create", created.Status())
	}
	id, etag := "key:"+key, created.HTTPResponse.Header.Get("ETag")
	patch := func(text string) (*client.UpdateProfileResult, error) {
		return c.UpdateProfileWithBodyWithResponse(ctx, id, &model.UpdateProfileParams{IfMatch: &etag}, "application/merge-patch+json", strings.NewReader(text))
	}
	patched, err := patch(`{"policy": {"burst": null}}`)
	if err != nil {
		return err
	}
	err = want(patched.JSON200 != nil && string(patched.JSON200.Policy) == `{"limits":[1]}`, "a patch removes with null", string(patched.Body))
	stale, e := patch(`{"policy": {"burst": 1}}`)
	if e != nil {
		return errors.Join(err, e)
	}
	problem := stale.ApplicationProblemJSON412
	err = errors.Join(err, want(problem != nil && problem.Code == "PRECONDITION_FAILED", "412", stale.Status()))

	dry := true
	plan, e := c.ApplyWorldWithResponse(ctx, &model.ApplyWorldParams{DryRun: &dry}, model.World{Profiles: []model.ProfileCreate{{ProfileKey: key, Policy: []byte(`{"limits": [1, 2]}`)}}})
	if e != nil {
		return errors.Join(err, e)
	}
	if plan.JSON200 == nil {
		return errors.Join(err, want(false, "a dry run", string(plan.Body)))
	}
	after, _ := plan.JSON200.Changes[0].Diff[0].After.Get() // what it isn't, is compared
	err = errors.Join(err, want(string(after) == "[1,2]", "a dry run shows a list", string(after)))
	world, e := c.ExportWorldWithResponse(ctx, nil)
	if e != nil {
		return errors.Join(err, e)
	}
	found := false
	if world.JSON200 != nil {
		for _, p := range world.JSON200.Profiles {
			found = found || p.ProfileKey == key
		}
	}
	return errors.Join(err, want(found, "export", world.Status()))
}
