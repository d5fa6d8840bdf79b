import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import metagate.ApiClient;
import metagate.ApiException;
import metagate.api.BootstrapApi;
import metagate.api.ProfilesApi;
import metagate.api.StartupApi;
import metagate.api.WorldApi;
import metagate.model.BootstrapRequest;
import metagate.model.FailedReport;
import metagate.model.Problem;
import metagate.model.ProfileCreate;
import metagate.model.ProfilePatch;
import metagate.model.ReadyReport;
import metagate.model.StartupStatus;
import metagate.model.World;

/** A program on the client that openapi-generator makes of openapi.yaml: see README.md in clients. */
final class Check {
  public static void main(String[] arguments) throws Exception {
    component(connect("METAGATE_KEY"));
    admin(connect("METAGATE_ADMIN_KEY"));
  }

  static ApiClient connect(String variable) {
    var client = new ApiClient();
    client.updateBaseUri(System.getenv("METAGATE_URL"));
    return client.setRequestInterceptor(request -> request.header("X-API-Key", System.getenv(variable)));
  }

  static void component(ApiClient client) throws Exception {
    var bootstrap = new BootstrapApi(client);
    var request = new BootstrapRequest().componentKey("memorygate_main");
    var packet = bootstrap.bootstrap(request, null, null);
    var memorygate = (Map<?, ?>) packet.getServices().get("memorygate");
    want(memorygate.get("endpoint") instanceof String, "the packet has services", packet);

    var again = refused(() -> bootstrap.bootstrap(request, null, '"' + packet.getPacketEtag() + '"'));
    want(again.getCode() == 304, "304", again);
    UUID.fromString(again.getResponseHeaders().firstValue("Metagate-Startup-Id").orElseThrow());

    var startup = new StartupApi(client);
    var id = packet.getStartup().getStartupId();
    var ready = startup.reportReady(new ReadyReport().startupId(id).buildVersion("1.0.0"));
    want(ready.getStatus() == StartupStatus.READY, "READY", ready);
    var failed = refused(() -> startup.reportFailed(new FailedReport().startupId(id).error("no")));
    problem(client, failed, 409, "INVALID_STATE");
  }

  static void admin(ApiClient client) throws Exception {
    var profiles = new ProfilesApi(client);
    var key = "java-" + UUID.randomUUID();
    var created = profiles.createProfileWithHttpInfo(
        new ProfileCreate().profileKey(key).policy(Map.of("limits", List.of(1), "burst", 5)), null);
    want(created.getStatusCode() == 201, "create", created.getData());
    var etag = created.getHeaders().get("etag").get(0);

    var gone = new HashMap<String, Object>(); // Map.of takes no null
    gone.put("burst", null);
    var patch = new ProfilePatch().policy(gone);
    var patched = profiles.updateProfile("key:" + key, patch, etag, null);
    want(patched.getPolicy().equals(Map.of("limits", List.of(1))), "a patch removes with null", patched);
    problem(client, refused(() -> profiles.updateProfile("key:" + key, patch, etag, null)), 412, "PRECONDITION_FAILED");

    var world = new WorldApi(client);
    var wanted = new World().addProfilesItem(new ProfileCreate().profileKey(key).policy(Map.of("limits", List.of(1, 2))));
    var plan = world.applyWorld(wanted, true, null, null, null);
    var after = plan.getChanges().get(0).getDiff().get(0).getAfter();
    want(List.of(1, 2).equals(after), "a dry run shows a list", plan);
    var exported = world.exportWorld(null, null, null);
    want(exported.getProfiles().stream().anyMatch(p -> p.getProfileKey().equals(key)), "export", exported);
  }

  interface Call {
    Object run() throws ApiException;
  }

  /** What is not a 2xx is an exception in this client, a 304 too. */
  static ApiException refused(Call call) {
    try {
      throw new AssertionError("expected a refusal, got " + call.run());
    } catch (ApiException e) {
      return e;
    }
  }

  static void problem(ApiClient client, ApiException e, int status, String code) throws Exception {
    var problem = client.getObjectMapper().readValue(e.getResponseBody(), Problem.class);
    want(e.getCode() == status && problem.getStatus() == status && problem.getCode().equals(code), code, problem);
  }

  static void want(boolean ok, String what, Object got) {
    if (!ok) {
      throw new AssertionError(what + ": got " + got);
    }
  }
}
