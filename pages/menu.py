"""The menu: every page by its group. A group's folder has its name; a page's file, its address and its key here are one word."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """name: of the file and in the address. title: in the menu and above the page. icon: of Google's Material Symbols."""

    name: str
    title: str
    icon: str
    group: str

    @property
    def file(self) -> str:
        return f"pages/{self.group.lower()}/{self.name}.py"

    @property
    def symbol(self) -> str:
        return f":material/{self.icon}:"


HOME = "pages/home.py"
GROUPS = {
    "Clinic": (("diagnose", "Diagnose", "pulmonology"), ("compare", "Compare", "compare")),
    "Evidence": (
        ("results", "Results", "monitoring"),
        ("data", "Data", "database"),
        ("model_cards", "Model cards", "badge"),
    ),
    "Generators": (("autoencoder", "Autoencoder", "compress"), ("gan", "GAN", "brush")),
    "Classroom": (
        ("course", "Course", "school"),
        ("convolution", "Convolution", "grid_on"),
        ("network", "Inside the network", "layers"),
        ("gradcam", "Grad-CAM taken apart", "local_fire_department"),
        ("shortcuts", "Shortcut lab", "science"),
        ("you_first", "You first", "psychology"),
        ("thresholds", "Thresholds and errors", "balance"),
        ("training_room", "Training room", "model_training"),
        ("transfer", "Transfer learning", "move_down"),
        ("bottleneck", "Through a bottleneck", "filter_alt"),
        ("gan_lab", "GAN lab", "swords"),
        ("characters", "Characters", "text_fields"),
        ("production", "From notebook to production", "rocket_launch"),
        ("glossary", "Glossary and quiz", "quiz"),
    ),
}
MENU = {group: tuple(Entry(*each, group) for each in pages) for group, pages in GROUPS.items()}
WITHOUT_STAGE = ("course", "glossary")  # pages of the classroom that are no lessons
LESSONS = tuple(each.name for each in MENU["Classroom"] if each.name not in WITHOUT_STAGE)  # in the order of a class
