// What people type or paste where a SIRET is asked for.
const LENGTH = 14;
const SIREN_LENGTH = 9;
// Dots, hyphens and dashes that people write between the groups of digits.
const SIGNS = /[.\u2010-\u2015\u2212-]/g;
const FULL_WIDTH_DIGITS = /[\uff10-\uff19]/g;
const FROM_FULL_WIDTH = 0xfee0;
// Fourteen digits, whatever stands between their groups, in a longer text.
const SIRET_WITHIN = /(?:^|\D)(\d(?:[\s.\u2010-\u2015\u2212-]*\d){13})(?!\d)/;

/** Digits of full width, as some keyboards write them, become plain ones. */
function plain(text) {
  return text.replace(FULL_WIDTH_DIGITS, (digit) => String.fromCharCode(digit.charCodeAt(0) - FROM_FULL_WIDTH));
}

const digitsOf = (text) => plain(text).replace(/\D/g, '');

/** What was typed, in plain digits and without the signs between them. */
export const withoutSigns = (text) => plain(text).replace(SIGNS, '');

/** The SIRET that a pasted text holds, otherwise all its digits. */
export function digitsPasted(text) {
  const [, siret] = SIRET_WITHIN.exec(plain(text)) ?? [];
  return digitsOf(siret ?? text);
}

/** Why a text is no SIRET; the server says the same (src/web/join_organization.rs). */
export function shapeError(text) {
  const count = digitsOf(text).length;
  if (count === 0) return 'Le SIRET compte 14 chiffres, et rien d’autre.';
  if (count === LENGTH) return 'Le SIRET ne compte que des chiffres\u00a0: retirez les lettres et les autres signes.';
  const told = `Le SIRET compte 14 chiffres\u00a0; vous en avez saisi ${count}`;
  return count === SIREN_LENGTH ? `${told}\u00a0: c’est peut-être un SIREN, qui n’en compte que 9.` : `${told}.`;
}
