import java.io.FileInputStream;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** Says of each HOST=PORT whether its certificate is accepted for HOST, by Java's JSSE. */
class Client {
  public static void main(String[] args) throws Exception {
    KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
    roots.load(null);
    try (FileInputStream file = new FileInputStream(args[0])) {
      roots.setCertificateEntry(
          "root", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(roots);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    for (int at = 1; at < args.length; at += 1) {
      String[] pair = args[at].split("=");
      Socket plain = new Socket("127.0.0.1", Integer.parseInt(pair[1]));
      try (SSLSocket socket =
          (SSLSocket)
              context
                  .getSocketFactory()
                  .createSocket(plain, pair[0], Integer.parseInt(pair[1]), true)) {
        var parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        System.out.println("accepted " + pair[0]);
      } catch (SSLHandshakeException error) {
        if (!(error.getCause() instanceof CertificateException)) throw error;
        System.out.println("refused " + pair[0]);
        System.err.println(error.getMessage());
      }
    }
  }
}
