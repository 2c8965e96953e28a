// The menu of the header on small screens: a dialog that holds copies of the header's links.
export function openHeaderMenu() {
  const opener = document.getElementById('open-menu-button');
  const menu = document.getElementById('menu-modal');
  const links = document.querySelector('.fr-header__tools-links > *');
  if (!opener || !menu || !links) return;
  menu.querySelector('.fr-header__menu-links').append(links.cloneNode(true));
  const closer = menu.querySelector('.fr-btn--close');

  const close = () => {
    menu.classList.remove('fr-modal--opened');
    menu.removeAttribute('role');
    menu.removeAttribute('aria-modal');
    menu.removeAttribute('aria-labelledby');
    opener.setAttribute('aria-expanded', 'false');
    document.documentElement.style.overflow = '';
  };
  const open = () => {
    menu.classList.add('fr-modal--opened');
    menu.setAttribute('role', 'dialog');
    menu.setAttribute('aria-modal', 'true');
    menu.setAttribute('aria-labelledby', opener.id);
    opener.setAttribute('aria-expanded', 'true');
    document.documentElement.style.overflow = 'hidden';
    closer.focus();
  };

  opener.addEventListener('click', open);
  closer.addEventListener('click', () => {
    close();
    opener.focus();
  });
  menu.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      close();
      opener.focus();
    }
    if (event.key !== 'Tab') return;
    const focusable = [...menu.querySelectorAll('a[href], button')];
    const [first, last] = [focusable[0], focusable[focusable.length - 1]];
    if (event.shiftKey && document.activeElement === first) {
      event.preventDefault();
      last.focus();
    } else if (!event.shiftKey && document.activeElement === last) {
      event.preventDefault();
      first.focus();
    }
  });
  window.matchMedia('(min-width: 62em)').addEventListener('change', close);
}
