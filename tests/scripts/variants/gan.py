import torch
import torch.nn as nn

torch.manual_seed(0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.ConvTranspose2d(8, 16, 4), nn.ReLU(), nn.ConvTranspose2d(16, 1, 5), nn.Tanh())

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(1, 8, 4), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8 * 25, 1))

    def forward(self, x):
        return self.main(x).view(-1)


def run():
    netG, netD = Generator(), Discriminator()
    criterion = nn.BCEWithLogitsLoss()
    optD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optG = torch.optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for i in range(5):
        real = torch.rand(6, 1, 8, 8)
        netD.zero_grad()
        errD_real = criterion(netD(real), torch.ones(6))
        errD_real.backward()
        fake = netG(torch.randn(6, 8, 1, 1))
        errD_fake = criterion(netD(fake.detach()), torch.zeros(6))
        errD_fake.backward()
        optD.step()
        netG.zero_grad()
        errG = criterion(netD(fake), torch.ones(6))
        errG.backward()
        optG.step()
        print(i, (errD_real + errD_fake).item(), "loss", errG.item())


run()
