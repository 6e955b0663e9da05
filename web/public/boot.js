// Runs before the first paint: theme and palette are right from the first frame, without a flash.
(() => {
  let prefs = {};
  try {
    prefs = JSON.parse(localStorage.getItem("marketbell.prefs") || "{}").state || {};
  } catch {
    // A damaged or forbidden store means the defaults.
  }
  const dark = window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  const root = document.documentElement;
  root.dataset.mantineColorScheme = prefs.theme === "light" || prefs.theme === "dark" ? prefs.theme : dark;
  root.dataset.palette = prefs.palette || "blue-orange";
  root.dataset.density = prefs.density || "normal";
})();
