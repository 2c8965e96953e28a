// Measures the audience: loads the container of the tag manager of stats.data.gouv.fr. Pages name this script only where
// FEATURE_LOAD_THIRD_PARTY_TRACKING_SCRIPTS is on.
const CONTAINER = 'https://stats.data.gouv.fr/js/container_yr4sXd50.js';
// All that the query of an address may hold: other parameters are tokens, addresses of people or identifiers.
const HARMLESS_PARAMETERS = ['notification'];
// Paths that name a request of a service, a key of somebody, or a row.
const PATHS_WITH_IDENTIFIER = /\/(interaction|oauth|delete-passkeys|\d+)(\/|$)/i;

/** Whether a third party may learn this address of ours. What other sites send of theirs is their affair. */
function mayBeTold(address) {
  if (!address) return true;
  const { origin, pathname, searchParams } = new URL(address);
  if (origin !== window.location.origin) return true;
  if (PATHS_WITH_IDENTIFIER.test(pathname)) return false;
  return [...searchParams.keys()].every((name) => HARMLESS_PARAMETERS.includes(name));
}

// The container reports both.
if (mayBeTold(window.location.href) && mayBeTold(document.referrer)) {
  window._mtm = window._mtm ?? [];
  window._mtm.push({ 'mtm.startTime': Date.now(), event: 'mtm.Start' });
  const script = document.createElement('script');
  script.async = true;
  script.src = CONTAINER;
  document.head.append(script);
}
