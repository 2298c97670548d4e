"""From bytes to grey uint8 (H, W), and from there to what a model is given.

Reading files (`radiograph`, `dicom`, `containers`), preprocessing and augmentation (`transforms`), drawn chests
(`phantom`), corruptions, out-of-distribution samples, images painted over or laid side by side,
and written as files (`image_files`).
"""
