const PERIOD_IN_MILLISECONDS = 2000;
const FIGURES_PERIOD_IN_MILLISECONDS = 5000;
const CHART_POINTS = 60;
const ACTION = { "x-operator-action": "1" };
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("fr-FR");
const rounded = (value) => value.toLocaleString("fr-FR", { maximumFractionDigits: 1 });
const time = (text) => new Date(text).toLocaleString("fr-FR");

const cell = (text, className) => {
  const td = document.createElement("td");
  td.textContent = text;
  if (className) td.className = className;
  return td;
};

const heading = (text) => {
  const th = document.createElement("th");
  th.scope = "row";
  th.textContent = text;
  return th;
};

const codeCell = (text) => {
  const td = document.createElement("td");
  const code = document.createElement("code");
  code.textContent = text;
  td.append(code);
  return td;
};

const fill = (id, rows) => {
  const body = byId(id);
  if (rows.length === 0) {
    const empty = cell("Rien à signaler.", "empty");
    empty.colSpan = body.closest("table").tHead.rows[0].cells.length;
    rows = [[empty]];
  }
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(...cells);
      return row;
    }),
  );
};

const showActors = (actors) =>
  fill(
    "actors",
    actors.map((actor) => [
      heading(actor.name),
      cell(actor.state),
      cell(`${number(actor.mailbox_depth)} / ${number(actor.mailbox_capacity)}`, "number"),
      cell(number(actor.handled), "number"),
      cell(number(actor.failed), "number"),
      cell(number(actor.refused), "number"),
      cell(number(actor.restarts), "number"),
      codeCell(actor.detail ? JSON.stringify(actor.detail) : ""),
    ]),
  );

const showReadiness = (report) => {
  const items = report.checks.map((check) => {
    const item = document.createElement("li");
    item.className = check.ok ? "ok" : "ko";
    item.textContent = check.why ? `${check.name} : ${check.why}` : check.name;
    return item;
  });
  byId("readiness").replaceChildren(...items);
};

/** Bars over their axis; `points` are `{value, bad, label}`, the oldest first. */
const draw = (id, points, unit) => {
  const highest = Math.max(1, ...points.map((point) => point.value));
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${points.length * 10} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const last = points.at(-1);
  svg.setAttribute("aria-label", `Maximum ${rounded(highest)} ${unit}, dernière valeur ${rounded(last.value)}`);
  points.forEach((point, index) => {
    const bar = (value, below, className) => {
      const rect = document.createElementNS(SVG, "rect");
      const height = (value / highest) * 100;
      rect.setAttribute("x", index * 10 + 1);
      rect.setAttribute("width", 8);
      rect.setAttribute("y", 100 - below - height);
      rect.setAttribute("height", height);
      if (className) rect.setAttribute("class", className);
      return rect;
    };
    const bad = point.bad ?? 0;
    const group = document.createElementNS(SVG, "g");
    const title = document.createElementNS(SVG, "title");
    title.textContent = `${point.label} : ${rounded(point.value)}`;
    group.append(title, bar(point.value - bad, 0), bar(bad, ((point.value - bad) / highest) * 100, "ko"));
    svg.append(group);
  });
  const axis = document.createElement("p");
  for (const text of [points[0].label, `maximum ${rounded(highest)} ${unit}`, last.label]) {
    const span = document.createElement("span");
    span.textContent = text;
    axis.append(span);
  }
  byId(id).replaceChildren(svg, axis);
};

const showSignIns = (figures) => {
  const counts = new Map(figures.sign_ins.map((row) => [Date.parse(row.minute), row.count]));
  const now = Math.floor(Date.parse(figures.at) / 60000) * 60000;
  const points = Array.from({ length: CHART_POINTS }, (_, index) => {
    const minute = now - (CHART_POINTS - 1 - index) * 60000;
    const label = new Date(minute).toLocaleTimeString("fr-FR", { hour: "2-digit", minute: "2-digit" });
    return { value: counts.get(minute) ?? 0, label };
  });
  draw("sign-ins", points, "par minute");
};

const answers = [];
let lastAnswers;

const showAnswers = (counted) => {
  const at = performance.now();
  const total = Object.values(counted).reduce((sum, count) => sum + count, 0);
  const bad = counted["5xx"] ?? 0;
  if (lastAnswers) {
    const seconds = (at - lastAnswers.at) / 1000;
    const label = new Date().toLocaleTimeString("fr-FR");
    answers.push({ value: (total - lastAnswers.total) / seconds, bad: (bad - lastAnswers.bad) / seconds, label });
    if (answers.length > CHART_POINTS) answers.shift();
    draw("answers", answers, "par seconde");
  }
  lastAnswers = { at, total, bad };
};

const showGauges = (gauges) => {
  showAnswers(gauges.answers);
  fill(
    "circuits",
    gauges.circuits.map((circuit) => [
      heading(circuit.connector),
      cell(circuit.open ? "ouvert : plus d’appels pour l’instant" : "fermé", circuit.open ? "ko" : "ok"),
      cell(number(circuit.answered), "number"),
      cell(number(circuit.failed), "number"),
    ]),
  );
  fill(
    "caches",
    gauges.caches.map((cache) => {
      const served = cache.hits + cache.stale;
      const all = served + cache.misses;
      return [
        heading(cache.cache),
        cell(number(cache.hits), "number"),
        cell(number(cache.stale), "number"),
        cell(number(cache.misses), "number"),
        cell(all ? `${rounded((100 * served) / all)} %` : "—", "number"),
      ];
    }),
  );
};

const act = async (path, body) => {
  const headers = body ? { ...ACTION, "content-type": "application/json" } : ACTION;
  const answer = await fetch(path, { method: "POST", headers, body: body && JSON.stringify(body) });
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.message);
  return document;
};

const retry = async (path) => {
  const outcome = byId("retry-outcome");
  try {
    const { revived } = await act(path);
    outcome.textContent = revived > 1 ? `${number(revived)} e-mails repartent.` : "L’e-mail repart.";
    await refreshFigures();
  } catch (error) {
    outcome.textContent = `Échec : ${error.message}`;
  }
};

const showFigures = (figures) => {
  const oldest = figures.outbox.oldest_waiting_since;
  const age = oldest ? Math.max(0, (Date.parse(figures.at) - Date.parse(oldest)) / 1000) : 0;
  const items = [
    ["Sessions ouvertes", number(figures.sessions), false],
    ["E-mails en attente", number(figures.outbox.waiting), false],
    ["Plus ancien en attente", oldest ? `${rounded(age)} s` : "—", age > 300],
    ["E-mails en échec", number(figures.outbox.dead), figures.outbox.dead > 0],
  ];
  byId("figures").replaceChildren(
    ...items.map(([name, value, isBad]) => {
      const group = document.createElement("div");
      if (isBad) group.className = "ko";
      const term = document.createElement("dt");
      term.textContent = name;
      const description = document.createElement("dd");
      description.textContent = value;
      group.append(term, description);
      return group;
    }),
  );
  showSignIns(figures);
  byId("retry-all").disabled = figures.outbox.dead === 0;
  fill(
    "dead-letters",
    figures.dead_letters.map((letter) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Réessayer";
      button.setAttribute("aria-label", `Réessayer l’e-mail ${letter.id}`);
      button.addEventListener("click", () => retry(`/outbox/${letter.id}/retry`));
      const action = document.createElement("td");
      action.append(button);
      return [
        heading(String(letter.id)),
        cell(letter.kind),
        cell(time(letter.created_at)),
        cell(time(letter.dead_at)),
        cell(number(letter.attempts), "number"),
        codeCell(letter.last_error ?? ""),
        action,
      ];
    }),
  );
  const slowest = figures.slowest_statements;
  byId("statements-origin").textContent = slowest
    ? "Les plus lentes en moyenne, d’après pg_stat_statements."
    : "L’extension pg_stat_statements n’est pas installée : voici les requêtes en cours.";
  fill(
    "statements",
    (slowest ?? figures.running_statements).map((row) => [
      codeCell(row.statement),
      cell(row.calls === null ? "—" : number(row.calls), "number"),
      cell(rounded(row.milliseconds), "number"),
      cell(row.longest_milliseconds === null ? "—" : rounded(row.longest_milliseconds), "number"),
    ]),
  );
};

let problems = [];

const showProblems = () => {
  const wanted = byId("problem-filter").value.trim();
  fill(
    "problems",
    problems
      .filter((problem) => !wanted || problem.request_id?.startsWith(wanted))
      .map((problem) => [
        cell(time(problem.at)),
        cell(problem.level),
        codeCell(problem.request_id ?? "—"),
        codeCell(problem.message),
      ]),
  );
};

const get = async (path) => {
  const answer = await fetch(path);
  const document = await answer.json();
  if (!answer.ok && path !== "/readyz") throw new Error(document.message);
  return document;
};

const refreshFigures = async () => {
  const problem = byId("figures-problem");
  try {
    showFigures(await get("/figures"));
    problem.hidden = true;
  } catch (error) {
    problem.hidden = false;
    problem.textContent = `Les chiffres de la base ne sont pas disponibles : ${error.message}`;
  }
};

const refresh = async () => {
  const freshness = byId("freshness");
  try {
    const [actors, readiness, gauges, recent] = await Promise.all(
      ["/actors", "/readyz", "/gauges", "/problems"].map(get),
    );
    showActors(actors);
    showReadiness(readiness);
    showGauges(gauges);
    problems = recent.problems;
    showProblems();
    const level = byId("log-level");
    if (document.activeElement !== level) level.value = recent.log_level;
    freshness.textContent = `À jour à ${new Date().toLocaleTimeString("fr-FR")}`;
  } catch {
    freshness.textContent = "Le serveur ne répond pas.";
  }
  setTimeout(refresh, PERIOD_IN_MILLISECONDS);
};

const keepFigures = async () => {
  if (!document.querySelector("#dead-letters button:focus")) await refreshFigures();
  setTimeout(keepFigures, FIGURES_PERIOD_IN_MILLISECONDS);
};

byId("retry-all").addEventListener("click", () => retry("/outbox/retry"));
byId("problem-filter").addEventListener("input", showProblems);
byId("log-level").addEventListener("change", async (event) => {
  const outcome = byId("level-outcome");
  try {
    const { log_level } = await act("/log-level", { level: event.target.value });
    outcome.textContent = `Niveau ${log_level} jusqu’au prochain démarrage.`;
  } catch (error) {
    outcome.textContent = `Échec : ${error.message}`;
  }
});

refresh();
keepFigures();
