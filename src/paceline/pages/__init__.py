"""Interactive pages in one file, for a browser without a network; with plotly (`pip install 'paceline[report]'`)."""

from paceline.pages.drawing import escaped as escaped
from paceline.pages.drawing import graph_objects as graph_objects
from paceline.pages.page import Page as Page
