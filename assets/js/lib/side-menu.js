// The side menu folds into one button on small screens.
export function openSideMenu() {
  const button = document.getElementById('fr-sidemenu-btn');
  const wrapper = document.getElementById('fr-sidemenu-wrapper');
  if (!button || !wrapper) return;
  button.addEventListener('click', () => {
    const opens = button.getAttribute('aria-expanded') !== 'true';
    button.setAttribute('aria-expanded', String(opens));
    wrapper.classList.toggle('fr-collapse--expanded', opens);
  });
}
