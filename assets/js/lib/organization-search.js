// A combobox that finds organizations by name and town (ARIA Authoring Practices, « editable combobox with list autocomplete »).
const PAUSE_MS = 300;
const SHORTEST_TEXT = 3;

/** Shows the search; `choose` is called with the SIRET of the organization that was chosen. */
export function offerSearch(choose) {
  const search = document.getElementById('organization-search');
  const field = document.getElementById('organization-search-text');
  const list = document.getElementById('organization-search-results');
  const status = document.getElementById('organization-search-status');
  if (!search) return;
  search.hidden = false;

  let pending;
  let request;
  let active = -1;

  function close() {
    list.hidden = true;
    list.replaceChildren();
    active = -1;
    field.setAttribute('aria-expanded', 'false');
    field.removeAttribute('aria-activedescendant');
  }

  function activate(index) {
    const options = [...list.children];
    if (options.length === 0) return;
    active = (index + options.length) % options.length;
    options.forEach((option, place) => option.setAttribute('aria-selected', String(place === active)));
    field.setAttribute('aria-activedescendant', options[active].id);
    options[active].scrollIntoView({ block: 'nearest' });
  }

  function take(option) {
    field.value = option.querySelector('.organization-search-name').textContent;
    choose(option.dataset.siret);
    close();
    status.textContent = `SIRET ${option.dataset.siret} choisi.`;
  }

  function line(className, text) {
    const span = document.createElement('span');
    span.className = className;
    span.textContent = text;
    return span;
  }

  function optionFor(result, index) {
    const option = document.createElement('li');
    option.id = `organization-search-result-${index}`;
    option.setAttribute('role', 'option');
    option.setAttribute('aria-selected', 'false');
    option.dataset.siret = result.siret;
    option.append(
      line('organization-search-name', result.libelle),
      line('organization-search-place', result.adresse),
      line('organization-search-place', `SIRET ${result.siret}`),
    );
    // Before the field loses the focus, which closes the list.
    option.addEventListener('mousedown', (event) => {
      event.preventDefault();
      take(option);
    });
    return option;
  }

  function show(results) {
    const open = results.filter((result) => result.estActive);
    list.replaceChildren(...open.map(optionFor));
    list.hidden = open.length === 0;
    field.setAttribute('aria-expanded', String(open.length > 0));
    active = -1;
    field.removeAttribute('aria-activedescendant');
    if (open.length === 0) status.textContent = 'Aucune organisation trouvée.';
    else status.textContent = open.length === 1 ? '1 organisation trouvée.' : `${open.length} organisations trouvées.`;
  }

  async function find() {
    const text = field.value.trim();
    if (text.length < SHORTEST_TEXT) return;
    request = new AbortController();
    const { signal } = request;
    try {
      const answer = await fetch(`/api/sirene/search?q=${encodeURIComponent(text)}`, { signal });
      if (!answer.ok) throw new Error(answer.statusText);
      const { results } = await answer.json();
      if (!signal.aborted) show(results);
    } catch (error) {
      if (!signal.aborted) status.textContent = 'La recherche ne répond pas pour le moment : indiquez le SIRET.';
    }
  }

  field.addEventListener('input', () => {
    clearTimeout(pending);
    request?.abort();
    close();
    status.textContent = '';
    pending = setTimeout(find, PAUSE_MS);
  });
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') {
      // Never sends the form: the SIRET may be missing still.
      event.preventDefault();
      if (active >= 0) take(list.children[active]);
    } else if (event.key === 'Escape' && !list.hidden) {
      event.preventDefault();
      close();
    } else if (event.key === 'ArrowDown' && !list.hidden) {
      event.preventDefault();
      activate(active + 1);
    } else if (event.key === 'ArrowUp' && !list.hidden) {
      event.preventDefault();
      activate(active < 0 ? -1 : active - 1);
    }
  });
  field.addEventListener('blur', close);
}
