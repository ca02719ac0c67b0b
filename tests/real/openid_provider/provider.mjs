// A real OpenID provider: oidc-provider on a loopback port, with its own pages for log-in and consent, where any
// name logs in. Who the person is stands in a file, read anew each time.
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const settings = JSON.parse(readFileSync(process.argv[2]));
const provider = new Provider(settings.issuer, {
  clients: [
    {
      client_id: "certwright",
      client_secret: settings.secret,
      redirect_uris: [settings.redirect],
      token_endpoint_auth_method: settings.auth,
    },
  ],
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email"] },
  conformIdTokenClaims: settings.claims === "userinfo",
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
  findAccount: (context, subject) => ({
    accountId: subject,
    claims: () => ({ sub: subject, ...JSON.parse(readFileSync(settings.people))[subject] }),
  }),
});
provider.listen(new URL(settings.issuer).port, "127.0.0.1", () => console.log("the provider listens"));
