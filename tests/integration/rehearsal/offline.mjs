// Loaded before the reference: the rehearsal reaches nothing but this machine. No password is in a list of leaks, passkeys have
// no names, and no other remote system answers.
import { createRequire } from "node:module";
import { join } from "node:path";

const nock = createRequire(join(process.cwd(), "package.json"))("nock");
nock.disableNetConnect();
nock.enableNetConnect(/^(localhost|127\.0\.0\.1|\[::1\])(:|$)/);
nock("https://api.pwnedpasswords.com").persist().get(/^\/range\//).reply(200, "");
nock("https://raw.githubusercontent.com").persist().get(/aaguid/).reply(200, {});
