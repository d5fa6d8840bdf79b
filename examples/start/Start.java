import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/** Java 17 or later: java Start.java. A program with a JSON library reads the packet with that. */
class Start {
  static final HttpClient HTTP = HttpClient.newHttpClient(); // follows no redirect: another host would get the key

  static String ask(String path, String body) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(System.getenv("METAGATE_URL") + path)).timeout(Duration.ofSeconds(2))
        .header("X-API-Key", System.getenv("METAGATE_KEY")).header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body)).build();
    long end = System.nanoTime() + Duration.ofSeconds(5).toNanos();
    for (long ceiling = 100; ; ceiling = Math.min(2 * ceiling, 2000)) {
      long after = 0;
      IOException failure;
      boolean last = false;
      try {
        var answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        int status = answer.statusCode();
        if (status == 200) return answer.body();
        failure = new IOException(path + ": " + status + " " + answer.body());
        last = status < 500 && status != 408 && status != 429;
        after = answer.headers().firstValue("Retry-After").filter(s -> s.matches("\\d{1,4}")).map(Long::parseLong).orElse(0L);
      } catch (IOException e) {
        failure = e; // no answer
      }
      long pause = 1000 * after + ThreadLocalRandom.current().nextLong(ceiling);
      if (last || System.nanoTime() + pause * 1_000_000 > end) throw failure;
      Thread.sleep(pause);
    }
  }

  static String member(String json, String path) {
    var found = Pattern.compile(path + "\":\"([^\"]*)\"").matcher(json);
    if (!found.find()) throw new IllegalStateException("no " + path + " in " + json);
    return found.group(1);
  }

  public static void main(String[] arguments) throws Exception {
    var packet = ask("/v1/bootstrap", "{\"component_key\": \"memorygate_main\", \"instance_id\": \"host-3\"}");
    System.out.println("memorygate is at " + member(packet, "\"memorygate\":\\{[^}]*\"endpoint"));
    var report = "{\"startup_id\": \"%s\", \"build_version\": \"1.4.2\"}".formatted(member(packet, "\"startup_id"));
    System.out.println("acknowledged as " + member(ask("/v1/startup/ready", report), "\"status"));
  }
}
