(() => {
  const app = document.getElementById("app");
  if (app.dataset.state !== "in") return;
  const inside = document.getElementById("signed-in");
  const outside = document.getElementById("signed-out");
  let events;

  const signedOut = () => {
    if (app.dataset.state === "out") return;
    events?.close();
    const hadFocus = inside.contains(document.activeElement);
    const time = new Date().toLocaleTimeString();
    app.dataset.state = "out";
    inside.hidden = true;
    outside.hidden = false;
    document.getElementById("ended").hidden = false;
    document.getElementById("nobody").textContent = "You are signed out";
    document.getElementById("why").textContent = `Your provider ended this session at ${time}.`;
    document.getElementById("news").textContent = "You have been signed out by your provider.";
    document.title = `Signed out \u00b7 ${document.title}`;
    if (hadFocus) document.getElementById("nobody").focus();
  };

  // The session may have ended while nobody was listening.
  const ask = () => fetch("/me", { cache: "no-store" })
    .then((answer) => { if (answer.status === 401) signedOut(); })
    .catch(() => {});

  const listen = () => {
    if (app.dataset.state === "out") return;
    events = new EventSource("/events");
    events.addEventListener("logged_out", signedOut);
    events.addEventListener("error", () => {
      if (events.readyState !== EventSource.CLOSED) return;
      ask().then(() => setTimeout(listen, 2000));
    });
  };

  window.addEventListener("pageshow", (event) => { if (event.persisted) ask(); });
  listen();
})();
