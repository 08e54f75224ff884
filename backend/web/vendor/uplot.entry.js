// The plots of the dashboard, loaded with it. `make web` builds uplot.js of it.
import uPlot from "uplot";

export { uPlot };
