// A button that becomes usable at a given instant, and says how long is left.
const TICK_MS = 1_000;

for (const button of document.querySelectorAll('.disabled-with-countdown[data-countdown-end-date]')) {
  const end = Date.parse(button.dataset.countdownEndDate);
  const container = document.querySelector('.countdown-container');
  const time = container?.querySelector('.countdown-time');
  if (Number.isNaN(end) || !container) continue;

  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1_000);
    button.disabled = left > 0;
    container.hidden = left <= 0;
    if (left <= 0) {
      clearInterval(timer);
      return;
    }
    time.textContent = `Disponible dans ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}min`;
  };
  const timer = setInterval(tick, TICK_MS);
  tick();
  window.addEventListener('pageshow', tick);
}
