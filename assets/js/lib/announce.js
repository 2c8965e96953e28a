// A visually hidden assertive region: screen readers say what is written in it.
const REGION_ID = 'aria-live-message';
const ERASED_AFTER_MS = 10_000;
const NOTIFICATIONS_SAID_AFTER_MS = 1_000;

let erasing;

/** Says a text once; an empty text silences what was about to be said. */
export function announce(text) {
  const region = document.getElementById(REGION_ID);
  if (!region) return;
  clearTimeout(erasing);
  region.textContent = text;
  if (text) erasing = setTimeout(() => { region.textContent = ''; }, ERASED_AFTER_MS);
}

/** Repeats the notifications of the page once the reader has had time to say its title. */
export function announceNotifications() {
  const notifications = document.getElementById('notifications');
  if (notifications) setTimeout(() => announce(notifications.textContent.trim()), NOTIFICATIONS_SAID_AFTER_MS);
}
