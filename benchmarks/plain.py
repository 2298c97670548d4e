"""What `predict` is measured against, as most people would write it: Pillow, torchvision, one image at a time.

python -m benchmarks.plain WEIGHTS SIZE FOLDER: a ResNet-18 with one channel and one logit; no input check, and nothing is said of
files that are no images.
"""

import sys
from pathlib import Path

import torch
from PIL import Image
from torchvision import models, transforms

weights, size, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
model = models.resnet18(num_classes=1)
model.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
model.load_state_dict(torch.load(weights, weights_only=True))
model.eval()
prepare = transforms.Compose(
    [transforms.Resize((size, size)), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
)
with torch.no_grad():
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        image = prepare(Image.open(path).convert("L"))
        print(path, torch.sigmoid(model(image[None])).item())
