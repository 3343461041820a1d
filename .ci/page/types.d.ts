// The one script of the page that is no module.
declare const uPlot: typeof import("uplot");
