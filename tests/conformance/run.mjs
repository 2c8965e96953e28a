// Drives a running server with openid-client, a library certified by the OpenID Foundation, as its relying parties.
//
//   CONFORMANCE='{"issuer": …, "account": {"email", "password"}, "clients": [{…}]}' node run.mjs
//
// A client of the list: name, client_id, client_secret, redirect_uri, post_logout_redirect_uri, scope, and the signature
// algorithms it registered (id_token_signed_response_alg, userinfo_signed_response_alg, null for none).
// tests/conformance.rs starts the server and gives these parameters.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import * as oidc from "openid-client";
import { Browser } from "./browser.mjs";

const { issuer, account, clients } = JSON.parse(process.env.CONFORMANCE ?? "null") ?? {};
assert.ok(issuer && account && clients?.length, "CONFORMANCE holds the issuer, the account and the clients");

/** The library's view of the server for one client; signatures are verified although the transport could vouch. */
async function discover(client, authentication = oidc.ClientSecretPost) {
  return oidc.discovery(
    new URL(issuer),
    client.client_id,
    {
      id_token_signed_response_alg: client.id_token_signed_response_alg ?? undefined,
      userinfo_signed_response_alg: client.userinfo_signed_response_alg ?? undefined,
    },
    authentication(client.client_secret),
    { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
  );
}

/** An authorization request with everything a careful client sends, and the checks that go with it. */
async function request(configuration, client, parameters = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const url = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: client.redirect_uri,
    scope: client.scope,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...parameters,
  });
  return { url, checks };
}

/** Walks through the sign-in pages as a person does; gives the authorization response. */
async function signIn(browser, url, client) {
  let step = await browser.open(url, client.redirect_uri);
  for (let pages = 0; !step.left; pages += 1) {
    assert.ok(pages < 10, `still on ${step.url} (${step.title})`);
    assert.equal(step.status, 200, `${step.url} (${step.title})`);
    switch (step.url.pathname) {
      case "/users/start-sign-in":
        step = await browser.submit(step, "/users/start-sign-in", { login: account.email }, client.redirect_uri);
        break;
      case "/users/sign-in":
        step = await browser.submit(step, "/users/sign-in", { password: account.password }, client.redirect_uri);
        break;
      case "/users/select-organization":
        step = await browser.submit(step, "/users/select-organization", {}, client.redirect_uri);
        break;
      default:
        assert.fail(`unexpected page ${step.url} (${step.title})`);
    }
  }
  return step.left;
}

/** Signs in and redeems the code. */
async function tokensFor(browser, configuration, client, parameters) {
  const { url, checks } = await request(configuration, client, parameters);
  const response = await signIn(browser, url, client);
  return oidc.authorizationCodeGrant(configuration, response, { ...checks, idTokenExpected: true });
}

/** Follows a sign-out to its end, with the page that asks or submits by itself when there is one. */
async function signOut(browser, url, destination) {
  let step = await browser.open(url, destination);
  if (!step.left) step = await browser.submit(step, "/oauth/logout/confirm", {}, destination);
  assert.ok(step.left, `the sign-out ended on ${step.url} (${step.title})`);
  return step.left;
}

const refusedWith = (error) => (thrown) => {
  assert.equal(thrown.error, error, thrown.stack);
  return true;
};

describe("discovery", () => {
  test("the metadata is the same at both addresses and names what the library needs", async () => {
    const addresses = ["/.well-known/openid-configuration", "/oauth/.well-known/openid-configuration"];
    const [root, underOauth] = await Promise.all(
      addresses.map(async (address) => (await fetch(new URL(address, issuer))).json()),
    );
    assert.deepEqual(root, underOauth);
    const metadata = (await discover(clients[0])).serverMetadata();
    assert.equal(metadata.issuer, issuer);
    assert.deepEqual(metadata.code_challenge_methods_supported, ["S256"]);
    assert.ok(metadata.response_types_supported.includes("code"));
    assert.ok(metadata.id_token_signing_alg_values_supported.includes("RS256"));
    assert.ok(metadata.id_token_signing_alg_values_supported.includes("ES256"));
    assert.equal(metadata.authorization_response_iss_parameter_supported, true);
  });

  test("the keys carry identifiers and no private part", async () => {
    const { jwks_uri: address } = (await discover(clients[0])).serverMetadata();
    const { keys } = await (await fetch(address)).json();
    assert.ok(keys.length > 0);
    assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length);
    for (const key of keys) {
      for (const member of ["d", "p", "q", "dp", "dq", "qi", "k"]) assert.ok(!(member in key), `${key.kid}: ${member}`);
    }
  });
});

for (const client of clients) {
  describe(`authorization code flow of ${client.client_id}`, () => {
    let configuration;
    before(async () => {
      configuration = await discover(client);
    });

    test("gives an ID token and userinfo about the person, and signs out", async () => {
      const browser = new Browser();
      const tokens = await tokensFor(browser, configuration, client, {
        claims: JSON.stringify({ id_token: { amr: { essential: true }, acr: null, auth_time: null } }),
      });
      assert.equal(tokens.token_type, "bearer");
      assert.equal(tokens.refresh_token, undefined);
      const claims = tokens.claims();
      assert.equal(claims.iss, issuer);
      assert.equal(claims.aud, client.client_id);
      assert.deepEqual(claims.amr, ["pwd"]);
      assert.match(claims.acr, /^eidas[01]$/);
      assert.ok(Math.abs(claims.auth_time - Date.now() / 1000) < 120);

      const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub);
      assert.equal(userinfo.email, account.email);
      assert.match(userinfo.siret, /^\d{14}$/);

      const left = await signOut(
        browser,
        oidc.buildEndSessionUrl(configuration, {
          id_token_hint: tokens.id_token,
          post_logout_redirect_uri: client.post_logout_redirect_uri,
          state: "signed-out",
        }),
        client.post_logout_redirect_uri,
      );
      assert.equal(left.searchParams.get("state"), "signed-out");

      const { url, checks } = await request(configuration, client, { prompt: "none" });
      const { left: response } = await browser.open(url, client.redirect_uri);
      await assert.rejects(
        oidc.authorizationCodeGrant(configuration, response, checks),
        refusedWith("login_required"),
      );
    });

    test("a live session answers at once, without any page", async () => {
      const browser = new Browser();
      const first = await tokensFor(browser, configuration, client);
      const { url, checks } = await request(configuration, client, { prompt: "none" });
      const { left } = await browser.open(url, client.redirect_uri);
      assert.ok(left, "the browser was sent back");
      const second = await oidc.authorizationCodeGrant(configuration, left, checks);
      assert.equal(second.claims().sub, first.claims().sub);
    });
  });
}

describe("the code", () => {
  const [client] = clients;
  let configuration;
  before(async () => {
    configuration = await discover(client);
  });

  test("is redeemed once; a replay also kills the tokens it gave", async () => {
    const { url, checks } = await request(configuration, client);
    const response = await signIn(new Browser(), url, client);
    const tokens = await oidc.authorizationCodeGrant(configuration, response, checks);
    const { sub } = tokens.claims();
    await oidc.fetchUserInfo(configuration, tokens.access_token, sub);

    await assert.rejects(oidc.authorizationCodeGrant(configuration, response, checks), refusedWith("invalid_grant"));
    await assert.rejects(oidc.fetchUserInfo(configuration, tokens.access_token, sub), (error) => {
      assert.equal(error.status ?? error.cause?.status ?? error.response?.status, 401, error.stack);
      return true;
    });
  });

  test("needs the verifier of its challenge", async () => {
    const { url, checks } = await request(configuration, client);
    const response = await signIn(new Browser(), url, client);
    await assert.rejects(
      oidc.authorizationCodeGrant(configuration, response, {
        ...checks,
        pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
      }),
      refusedWith("invalid_grant"),
    );
  });

  test("needs the redirect URI it was sent to", async () => {
    const { url, checks } = await request(configuration, client);
    const response = await signIn(new Browser(), url, client);
    const elsewhere = new URL(response);
    elsewhere.pathname = "/elsewhere";
    await assert.rejects(oidc.authorizationCodeGrant(configuration, elsewhere, checks), refusedWith("invalid_grant"));
  });
});

describe("client authentication", () => {
  const [client] = clients;

  for (const authentication of [oidc.ClientSecretPost, oidc.ClientSecretBasic]) {
    test(`${authentication.name} is accepted`, async () => {
      const configuration = await discover(client, authentication);
      const tokens = await tokensFor(new Browser(), configuration, client);
      assert.ok(tokens.claims().sub);
    });

    test(`${authentication.name} with a wrong secret is refused`, async () => {
      const configuration = await discover({ ...client, client_secret: "wrong" }, authentication);
      const { url, checks } = await request(configuration, client);
      const response = await signIn(new Browser(), url, client);
      await assert.rejects(
        oidc.authorizationCodeGrant(configuration, response, checks),
        (error) => error.error === "invalid_client" || error.code === "OAUTH_WWW_AUTHENTICATE_CHALLENGE",
      );
    });
  }
});

describe("the authorization endpoint", () => {
  const [client] = clients;
  let configuration;
  before(async () => {
    configuration = await discover(client);
  });

  test("answers in the fragment when asked to", async () => {
    const { url, checks } = await request(configuration, client, { response_mode: "fragment" });
    const response = await signIn(new Browser(), url, client);
    const inQuery = new URL(response);
    inQuery.search = inQuery.hash.slice(1);
    inQuery.hash = "";
    const tokens = await oidc.authorizationCodeGrant(configuration, inQuery, checks);
    assert.ok(tokens.claims().sub);
  });

  test("answers with a form when asked to", async () => {
    const browser = new Browser();
    await tokensFor(browser, configuration, client);
    const { url, checks } = await request(configuration, client, { response_mode: "form_post" });
    const page = await browser.open(url, client.redirect_uri);
    assert.equal(page.status, 200);
    const { body } = await browser.submit(page, client.redirect_uri, {}, client.redirect_uri);
    const tokens = await oidc.authorizationCodeGrant(
      configuration,
      new Request(client.redirect_uri, { method: "POST", body }),
      checks,
    );
    assert.ok(tokens.claims().sub);
  });

  test("accepts its parameters in a form", async () => {
    const { url } = await request(configuration, client, { prompt: "none" });
    const response = await fetch(new URL(url.pathname, url), {
      method: "POST",
      body: url.searchParams,
      redirect: "manual",
    });
    assert.equal(response.status, 303);
    const location = new URL(response.headers.get("location"));
    assert.equal(location.searchParams.get("error"), "login_required");
    assert.equal(location.searchParams.get("iss"), issuer);
  });

  test("asks for the password again on prompt=login, and says when it was given", async () => {
    const browser = new Browser();
    const first = await tokensFor(browser, configuration, client);
    const { url, checks } = await request(configuration, client, { prompt: "login" });
    const page = await browser.open(url, client.redirect_uri);
    assert.ok(!page.left, "a page asks");
    const response = await signIn(browser, url, client);
    assert.ok(checks.expectedState === response.searchParams.get("state"));
    const second = await oidc.authorizationCodeGrant(configuration, response, { ...checks, maxAge: 60 });
    assert.equal(second.claims().sub, first.claims().sub);
  });

  test("sends protocol errors to the client, with state and issuer", async () => {
    const { url, checks } = await request(configuration, client, { prompt: "none login" });
    const { left } = await new Browser().open(url, client.redirect_uri);
    assert.ok(left, "the browser was sent back");
    await assert.rejects(
      oidc.authorizationCodeGrant(configuration, left, checks),
      refusedWith("invalid_request"),
    );
  });

  test("keeps an unregistered redirect URI or an unknown client to itself", async () => {
    for (const parameters of [{ redirect_uri: "http://localhost:1/elsewhere" }, { client_id: "nobody" }]) {
      const { url } = await request(configuration, client, parameters);
      const page = await new Browser().open(url, parameters.redirect_uri ?? client.redirect_uri);
      assert.ok(!page.left, "the browser stays");
      assert.equal(page.status, 400);
      assert.match(page.headers.get("content-type"), /^text\/html/);
    }
  });
});
