// A relying party on express-openid-connect.
//
//   EXPRESS='{"port", "issuer", "client": {…}}' node express.mjs
//
// A client with a private_jwk proves itself with that key, another one with its secret.

import express from "express";
import openidConnect from "express-openid-connect";

const { port, issuer, client } = JSON.parse(process.env.EXPRESS);
const authentication = client.private_jwk
  ? {
      clientAuthMethod: "private_key_jwt",
      clientAssertionSigningKey: client.private_jwk,
      clientAssertionSigningAlg: "ES256",
    }
  : { clientAuthMethod: "client_secret_post", clientSecret: client.client_secret };
const baseURL = `http://localhost:${port}`;

/** Sessions and notes of logouts, in memory. */
class Store {
  #entries = new Map();
  get(id, callback) {
    callback(null, this.#entries.get(id));
  }
  set(id, value, callback) {
    this.#entries.set(id, value);
    callback?.(null);
  }
  destroy(id, callback) {
    this.#entries.delete(id);
    callback?.(null);
  }
}

const app = express();
app.use(
  openidConnect.auth({
    issuerBaseURL: issuer,
    baseURL,
    clientID: client.client_id,
    ...authentication,
    secret: "a secret of this relying party, long enough",
    authRequired: false,
    idpLogout: true,
    pushedAuthorizationRequests: true,
    backchannelLogout: { store: new Store() },
    authorizationParams: { response_type: "code", scope: client.scope },
    routes: { callback: "/callback", postLogoutRedirect: "/after" },
  }),
);
app.get("/me", async (request, response) => {
  if (!request.oidc.isAuthenticated()) return response.json(null);
  const userinfo = await request.oidc.fetchUserInfo();
  response.json({ sub: request.oidc.user.sub, email: userinfo.email });
});
app.get("/", (request, response) => response.redirect("/me"));
app.get("/after", (_, response) => response.json("signed out"));
app.listen(port, "127.0.0.1", () => console.log(`listening on ${baseURL}`));
