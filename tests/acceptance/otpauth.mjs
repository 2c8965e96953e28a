// Stands in for the package of the same name while the acceptance suite runs. The suite gives the same one-time code several
// times within half a minute, as nobody can at this server: a code is good once. This generator behaves like a telephone
// whose clock is a little slow or fast, which the server accepts: it gives the code of a neighbouring period that was not given yet,
// and waits for the next one when there is none.
import { TOTP as Generator } from '../../node_modules/otpauth/dist/otpauth.esm.js';

export { HOTP, Secret, URI, version } from '../../node_modules/otpauth/dist/otpauth.esm.js';

const PERIOD_IN_MILLISECONDS = 30_000;
/** Of the two periods before and after that the server accepts, one is left for the way there. */
const PERIODS_BEFORE = 1;
const PERIODS_AFTER = 2;
const PAUSE_IN_MILLISECONDS = 250;

/** The last period that was given, by secret. One module is loaded per spec: what they share is global. */
const given = (globalThis.givenPeriods ??= new Map());

const now = () => Math.floor(Date.now() / PERIOD_IN_MILLISECONDS);

export class TOTP extends Generator {
  generate(options) {
    if (options?.timestamp !== undefined) return super.generate(options);
    const secret = this.secret.base32;
    const next = Math.max((given.get(secret) ?? 0) + 1, now() - PERIODS_BEFORE);
    const bell = new Int32Array(new SharedArrayBuffer(4));
    while (next > now() + PERIODS_AFTER) Atomics.wait(bell, 0, 0, PAUSE_IN_MILLISECONDS);
    given.set(secret, next);
    return super.generate({ ...options, timestamp: next * PERIOD_IN_MILLISECONDS });
  }
}
