"""The extension that Jupyter loads: its routes, and its end."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp

from kgfeatures.server import browse, statements
from kgfeatures.server.base import SHOP, Handler
from kgfeatures.server.shop import Shop

V1 = r"/kgfeatures/v1"
# A name may hold slashes and dots; the browser percent-encodes them.
NAME = r"([^/]+)"

ROUTES: list[tuple[str, type[Handler]]] = [
    (rf"{V1}/status", browse.StatusHandler),
    (rf"{V1}/catalogue", browse.CatalogueHandler),
    (rf"{V1}/catalogue/{NAME}/{NAME}", browse.DetailHandler),
    (rf"{V1}/catalogue/{NAME}/{NAME}/sample", browse.SampleHandler),
    (rf"{V1}/entities", browse.EntitiesHandler),
    (rf"{V1}/neighbors", browse.NeighborsHandler),
    (rf"{V1}/evidence", browse.EvidenceHandler),
    (rf"{V1}/completions", browse.CompletionsHandler),
    (rf"{V1}/runs", browse.RunsHandler),
    (rf"{V1}/queries", statements.QueriesHandler),
    (rf"{V1}/queries/explain", statements.ExplainHandler),
    (rf"{V1}/queries/([0-9a-f]+)", statements.QueryHandler),
    (rf"{V1}/queries/([0-9a-f]+)/rows", statements.RowsHandler),
    (rf"{V1}/queries/([0-9a-f]+)/export", statements.ExportHandler),
]


class KGFeaturesApp(ExtensionApp):
    """kgfeatures in Jupyter's server; settings come from the environment, as everywhere."""

    name = "kgfeatures"  # pyright: ignore[reportIncompatibleVariableOverride, reportAssignmentType]
    extension_url = f"{V1}/status"

    def initialize_settings(self) -> None:
        """Open nothing yet: the database may be started later than Jupyter."""
        self.settings[SHOP] = Shop()

    def initialize_handlers(self) -> None:
        """Tell Jupyter our routes."""
        self.handlers.extend(ROUTES)

    async def stop_extension(self) -> None:
        """Cancel what runs, so that Jupyter can end."""
        self.settings[SHOP].close()
