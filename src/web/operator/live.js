const PERIOD_IN_MILLISECONDS = 2000;

const cell = (text, className) => {
  const td = document.createElement("td");
  td.textContent = text;
  if (className) td.className = className;
  return td;
};

const showActors = (actors) => {
  const rows = actors.map((actor) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = actor.name;
    const detail = document.createElement("td");
    const code = document.createElement("code");
    code.textContent = actor.detail ? JSON.stringify(actor.detail) : "";
    detail.append(code);
    row.append(
      name,
      cell(actor.state),
      cell(`${actor.mailbox_depth} / ${actor.mailbox_capacity}`, "number"),
      cell(actor.handled.toLocaleString("fr-FR"), "number"),
      cell(actor.failed.toLocaleString("fr-FR"), "number"),
      cell(actor.restarts.toLocaleString("fr-FR"), "number"),
      detail,
    );
    return row;
  });
  document.getElementById("actors").replaceChildren(...rows);
};

const showReadiness = (report) => {
  const items = report.checks.map((check) => {
    const item = document.createElement("li");
    item.className = check.ok ? "ok" : "ko";
    item.textContent = check.why ? `${check.name} : ${check.why}` : check.name;
    return item;
  });
  document.getElementById("readiness").replaceChildren(...items);
};

const refresh = async () => {
  const freshness = document.getElementById("freshness");
  try {
    const [actors, readiness] = await Promise.all([fetch("/actors"), fetch("/readyz")]);
    showActors(await actors.json());
    showReadiness(await readiness.json());
    freshness.textContent = `À jour à ${new Date().toLocaleTimeString("fr-FR")}`;
  } catch {
    freshness.textContent = "Le serveur ne répond pas.";
  }
  setTimeout(refresh, PERIOD_IN_MILLISECONDS);
};

refresh();
