"""What autoencoders and GANs do: samples, reconstructions, latent space, quality, and the game against a GAN."""
