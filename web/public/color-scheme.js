// Sets the colour scheme before the first paint; a file of its own, as inline scripts are not allowed.
(function () {
  var chosen = null;
  try {
    chosen = window.localStorage.getItem("chartroom-color-scheme");
  } catch (_) {
    // Storage may be switched off; the system's scheme is used.
  }
  var dark =
    chosen === "dark" ||
    (chosen !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
