"""What lets a spiking network remember for seconds."""
