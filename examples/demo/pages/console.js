(() => {
  const news = document.getElementById("news");
  const connection = document.getElementById("connection");
  const shown = {};
  let newest = Number(document.querySelector("#deliveries tr")?.dataset.id ?? 0);

  const localTimes = (root) => root.querySelectorAll("time[data-ms]").forEach((time) => {
    const date = new Date(Number(time.dataset.ms));
    time.dateTime = date.toISOString();
    time.textContent = date.toLocaleTimeString();
  });

  const show = (parts) => {
    for (const [id, html] of Object.entries(parts)) {
      if (shown[id] === html) continue;
      shown[id] = html;
      const element = document.getElementById(id);
      element.innerHTML = html;
      localTimes(element);
    }
    const answers = [];
    document.querySelectorAll("#deliveries tr[data-id]").forEach((row) => {
      const pill = row.querySelector(".pill");
      if (Number(row.dataset.id) <= newest || pill.textContent === "under way") return;
      row.classList.add("new");
      answers.push(`${row.cells[1].textContent} answered ${pill.textContent}`);
    });
    const under = document.querySelector("#deliveries .pill:not(.ok):not(.bad)");
    if (answers.length && !under) {
      newest = Number(document.querySelector("#deliveries tr").dataset.id);
      news.textContent = answers.join(", ");
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-clear]");
    if (!button || button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    fetch(button.dataset.clear, { method: "DELETE" })
      .then((answer) => answer.json())
      .then((answer) => {
        if (!answer.endedSessions) news.textContent = `${button.dataset.name} has no sessions.`;
      })
      .catch(() => { news.textContent = "The provider did not answer."; })
      .finally(() => { button.ariaBusy = "false"; });
  });

  localTimes(document);
  const events = new EventSource("/admin/events");
  events.addEventListener("parts", (event) => show(JSON.parse(event.data)));
  events.addEventListener("open", () => { connection.textContent = "live"; connection.className = "pill live"; });
  events.addEventListener("error", () => { connection.textContent = "reconnecting"; connection.className = "pill"; });
})();
