import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Client {
  public static void main(String[] args) throws Exception {
    HttpClient client = HttpClient.newBuilder().proxy(ProxySelector.getDefault()).build();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(System.getenv("BASE") + "/v1/echo"))
            .header("Authorization", "Bearer " + System.getenv("KEY"))
            .build();
    HttpResponse<String> reply = client.send(request, HttpResponse.BodyHandlers.ofString());
    System.out.println(reply.statusCode() + " " + reply.body());
  }
}
