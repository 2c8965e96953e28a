// Goes through running relying parties like a person: signs in, is known, signs out, is known no more.
//
//   WEB='{"issuer", "account", "parties": [{"name", "login", "me", "logout", "after", "tells_of_logout"}]}' node web.mjs

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Browser } from "./browser.mjs";

const { issuer, account, parties } = JSON.parse(process.env.WEB);

/** Answers the pages of the provider until the browser is back at the relying party. */
async function signIn(browser, url) {
  let step = await browser.open(url);
  for (let pages = 0; step.url.origin === new URL(issuer).origin; pages += 1) {
    assert.ok(pages < 10, `still on ${step.url} (${step.title})`);
    assert.equal(step.status, 200, `${step.url} (${step.title})`);
    switch (step.url.pathname) {
      case "/users/start-sign-in":
        step = await browser.submit(step, "/users/start-sign-in", { login: account.email });
        break;
      case "/users/sign-in":
        step = await browser.submit(step, "/users/sign-in", { password: account.password });
        break;
      case "/users/select-organization":
        step = await browser.submit(step, "/users/select-organization", {});
        break;
      default:
        assert.fail(`unexpected page ${step.url} (${step.title})`);
    }
  }
  return step;
}

/** Whom the relying party knows in this browser. */
async function me(browser, party) {
  const page = await browser.open(party.me);
  if (page.status !== 200) return null;
  const known = JSON.parse(page.html);
  return known?.userinfo ?? known;
}

for (const party of parties) {
  describe(party.name, () => {
    test("signs people in and out", async () => {
      const browser = new Browser();
      const step = await signIn(browser, party.login);
      assert.equal(step.status, 200, `${step.url}: ${step.html.slice(0, 2000)}`);
      assert.equal((await me(browser, party)).email, account.email);

      const again = await browser.open(party.login);
      assert.notEqual(again.url.origin, new URL(issuer).origin, "known people are asked nothing");

      let out = await browser.open(party.logout);
      if (out.url.origin === new URL(issuer).origin) out = await browser.submit(out, "/oauth/logout/confirm", {});
      assert.equal(out.url.href, party.after, `${out.url} (${out.title})`);
      const asked = await browser.open(party.login);
      assert.equal(asked.url.pathname, "/users/start-sign-in", "the sign-out holds at the provider");
    });

    test("is told of a sign-out elsewhere", { skip: !party.tells_of_logout }, async () => {
      const browser = new Browser();
      await signIn(browser, party.login);
      assert.ok(await me(browser, party));
      const page = await browser.open(`${issuer}/oauth/logout`);
      await browser.submit(page, "/oauth/logout/confirm", {});
      for (let round = 0; round < 60 && (await me(browser, party)); round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      assert.equal(await me(browser, party), null);
    });
  });
}
