// Sets the theme before the first paint: what the viewer chose, or the system's.
const chosen = localStorage.getItem("legwork-theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
