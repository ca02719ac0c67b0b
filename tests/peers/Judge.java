import java.io.FileInputStream;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Judges end entity certificates: Judge MODE ROOT ISSUING LEAF... prints a line for each leaf, "good" or the
 * reason of the refusal. MODE is ocsp or crl; there is no falling back on the other, and where the status is to
 * be had stands in the certificates.
 */
public final class Judge {
    public static void main(String[] arguments) throws Exception {
        for (int number = 3; number < arguments.length; number++) {
            System.out.println(
                judge(arguments[0], read(arguments[1]), read(arguments[2]), read(arguments[number])));
        }
    }

    private static String judge(
            String mode, X509Certificate root, X509Certificate issuing, X509Certificate leaf) throws Exception {
        CertPath path = CertificateFactory.getInstance("X.509").generateCertPath(List.of(leaf, issuing));
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        EnumSet<PKIXRevocationChecker.Option> options = EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK);
        if (mode.equals("crl")) {
            options.add(PKIXRevocationChecker.Option.PREFER_CRLS);
        }
        checker.setOptions(options);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(path, parameters);
            return "good";
        } catch (CertPathValidatorException refusal) {
            return refusal.getReason() + " " + refusal.getMessage();
        }
    }

    private static X509Certificate read(String name) throws Exception {
        try (FileInputStream file = new FileInputStream(name)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(file);
        }
    }
}
