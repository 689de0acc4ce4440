"""The papers that sections cite, by key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A paper as it stands in the list.

    ``doi`` may be a whole address where there is no DOI, and is empty where there is neither.
    """

    authors: str
    year: int
    title: str
    venue: str
    doi: str

    @property
    def address(self) -> str:
        """Where the paper is found; empty where that is not known."""
        if not self.doi or self.doi.startswith("https://"):
            return self.doi
        return f"https://doi.org/{self.doi}"

    @property
    def stop(self) -> str:
        """What ends the title."""
        return "" if self.title.endswith("?") else "."


REFERENCES: dict[str, Reference] = {
    "bellec2018": Reference(
        "Bellec G., Salaj D., Subramoney A., Legenstein R., Maass W.",
        2018,
        "Long short-term memory and learning-to-learn in networks of spiking neurons",
        "Advances in Neural Information Processing Systems 31, 787-797",
        "https://arxiv.org/abs/1803.09574",
    ),
    "bellec2020": Reference(
        "Bellec G., Scherr F., Subramoney A., Hajek E., Salaj D., Legenstein R., Maass W.",
        2020,
        "A solution to the learning dilemma for recurrent networks of spiking neurons",
        "Nature Communications 11:3625",
        "10.1038/s41467-020-17236-y",
    ),
    "brette2005": Reference(
        "Brette R., Gerstner W.",
        2005,
        "Adaptive exponential integrate-and-fire model as an effective description of neuronal "
        "activity",
        "Journal of Neurophysiology 94(5):3637-3642",
        "10.1152/jn.00686.2005",
    ),
    "brette2007": Reference(
        "Brette R., Rudolph M., Carnevale T., Hines M., Beeman D., Bower J. M., et al.",
        2007,
        "Simulation of networks of spiking neurons: A review of tools and strategies",
        "Journal of Computational Neuroscience 23(3):349-398",
        "10.1007/s10827-007-0038-6",
    ),
    "bu2022": Reference(
        "Bu T., Fang W., Ding J., Dai P., Yu Z., Huang T.",
        2022,
        "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking neural "
        "networks",
        "International Conference on Learning Representations",
        "https://arxiv.org/abs/2303.04347",
    ),
    "burbank2015": Reference(
        "Burbank K. S.",
        2015,
        "Mirrored STDP implements autoencoder learning in a network of spiking neurons",
        "PLoS Computational Biology 11(12):e1004566",
        "10.1371/journal.pcbi.1004566",
    ),
    "dice1945": Reference(
        "Dice L. R.",
        1945,
        "Measures of the amount of ecologic association between species",
        "Ecology 26(3):297-302",
        "10.2307/1932409",
    ),
    "diehl2015": Reference(
        "Diehl P. U., Cook M.",
        2015,
        "Unsupervised learning of digit recognition using spike-timing-dependent plasticity",
        "Frontiers in Computational Neuroscience 9:99",
        "10.3389/fncom.2015.00099",
    ),
    "diehl2015weight": Reference(
        "Diehl P. U., Neil D., Binas J., Cook M., Liu S.-C., Pfeiffer M.",
        2015,
        "Fast-classifying, high-accuracy spiking deep networks through weight and threshold "
        "balancing",
        "International Joint Conference on Neural Networks",
        "10.1109/IJCNN.2015.7280696",
    ),
    "gutig2003": Reference(
        "Gütig R., Aharonov R., Rotter S., Sompolinsky H.",
        2003,
        "Learning input correlations through nonlinear temporally asymmetric Hebbian plasticity",
        "Journal of Neuroscience 23(9):3697-3714",
        "10.1523/JNEUROSCI.23-09-03697.2003",
    ),
    "hodgkin1952": Reference(
        "Hodgkin A. L., Huxley A. F.",
        1952,
        "A quantitative description of membrane current and its application to conduction and "
        "excitation in nerve",
        "Journal of Physiology 117(4):500-544",
        "10.1113/jphysiol.1952.sp004764",
    ),
    "holm1979": Reference(
        "Holm S.",
        1979,
        "A simple sequentially rejective multiple test procedure",
        "Scandinavian Journal of Statistics 6(2):65-70",
        "https://www.jstor.org/stable/4615733",
    ),
    "horowitz2014": Reference(
        "Horowitz M.",
        2014,
        "Computing's energy problem (and what we can do about it)",
        "IEEE International Solid-State Circuits Conference, 10-14",
        "10.1109/ISSCC.2014.6757323",
    ),
    "hutter2014": Reference(
        "Hutter F., Hoos H., Leyton-Brown K.",
        2014,
        "An efficient approach for assessing hyperparameter importance",
        "International Conference on Machine Learning, PMLR 32(1):754-762",
        "https://proceedings.mlr.press/v32/hutter14.html",
    ),
    "izhikevich2003": Reference(
        "Izhikevich E. M.",
        2003,
        "Simple model of spiking neurons",
        "IEEE Transactions on Neural Networks 14(6):1569-1572",
        "10.1109/TNN.2003.820440",
    ),
    "izhikevich2004": Reference(
        "Izhikevich E. M.",
        2004,
        "Which model to use for cortical spiking neurons?",
        "IEEE Transactions on Neural Networks 15(5):1063-1070",
        "10.1109/TNN.2004.832719",
    ),
    "jolivet2008": Reference(
        "Jolivet R., Kobayashi R., Rauch A., Naud R., Shinomoto S., Gerstner W.",
        2008,
        "A benchmark test for a quantitative assessment of simple neuron models",
        "Journal of Neuroscience Methods 169(2):417-424",
        "10.1016/j.jneumeth.2007.11.006",
    ),
    "kheradpisheh2018": Reference(
        "Kheradpisheh S. R., Ganjtabesh M., Thorpe S. J., Masquelier T.",
        2018,
        "STDP-based spiking deep convolutional neural networks for object recognition",
        "Neural Networks 99:56-67",
        "10.1016/j.neunet.2017.12.005",
    ),
    "kistler1997": Reference(
        "Kistler W. M., Gerstner W., van Hemmen J. L.",
        1997,
        "Reduction of the Hodgkin-Huxley equations to a single-variable threshold model",
        "Neural Computation 9(5):1015-1045",
        "10.1162/neco.1997.9.5.1015",
    ),
    "langsrud2003": Reference(
        "Langsrud Ø.",
        2003,
        "ANOVA for unbalanced data: Use Type II instead of Type III sums of squares",
        "Statistics and Computing 13(2):163-167",
        "10.1023/A:1023260610025",
    ),
    "lee2016": Reference(
        "Lee J. H., Delbruck T., Pfeiffer M.",
        2016,
        "Training deep spiking neural networks using backpropagation",
        "Frontiers in Neuroscience 10:508",
        "10.3389/fnins.2016.00508",
    ),
    "lee2024": Reference(
        "Lee I.",
        2024,
        "Implementing and performance analyzing a spiking neural network based on surrogate "
        "gradient",
        "Bachelor's thesis, Department of Computer Engineering, Soonchunhyang University (in "
        "Korean)",
        "",
    ),
    "liao2016": Reference(
        "Liao Q., Leibo J. Z., Poggio T.",
        2016,
        "How important is weight symmetry in backpropagation?",
        "AAAI Conference on Artificial Intelligence 30(1)",
        "https://arxiv.org/abs/1510.05067",
    ),
    "lillicrap2016": Reference(
        "Lillicrap T. P., Cownden D., Tweed D. B., Akerman C. J.",
        2016,
        "Random synaptic feedback weights support error backpropagation for deep learning",
        "Nature Communications 7:13276",
        "10.1038/ncomms13276",
    ),
    "mozafari2019": Reference(
        "Mozafari M., Ganjtabesh M., Nowzari-Dalini A., Masquelier T.",
        2019,
        "SpykeTorch: Efficient simulation of convolutional spiking neural networks with at most "
        "one spike per neuron",
        "Frontiers in Neuroscience 13:625",
        "10.3389/fnins.2019.00625",
    ),
    "neftci2017": Reference(
        "Neftci E. O., Augustine C., Paul S., Detorakis G.",
        2017,
        "Event-driven random back-propagation: Enabling neuromorphic deep learning machines",
        "Frontiers in Neuroscience 11:324",
        "10.3389/fnins.2017.00324",
    ),
    "neftci2019": Reference(
        "Neftci E. O., Mostafa H., Zenke F.",
        2019,
        "Surrogate gradient learning in spiking neural networks",
        "IEEE Signal Processing Magazine 36(6):51-63",
        "10.1109/MSP.2019.2931595",
    ),
    "oconnor2016": Reference(
        "O'Connor P., Welling M.",
        2016,
        "Deep spiking networks",
        "arXiv:1602.08323",
        "https://arxiv.org/abs/1602.08323",
    ),
    "panda2016": Reference(
        "Panda P., Roy K.",
        2016,
        "Unsupervised regenerative learning of hierarchical features in spiking deep networks for "
        "object recognition",
        "International Joint Conference on Neural Networks, 299-306",
        "10.1109/IJCNN.2016.7727212",
    ),
    "pedersen2024": Reference(
        "Pedersen J. E., Abreu S., Jobst M., Lenz G., Fra V., Bauer F. C., et al.",
        2024,
        "Neuromorphic intermediate representation: A unified instruction set for interoperable "
        "brain-inspired computing",
        "Nature Communications 15:8122",
        "10.1038/s41467-024-52259-9",
    ),
    "pfister2006": Reference(
        "Pfister J.-P., Gerstner W.",
        2006,
        "Triplets of spikes in a model of spike timing-dependent plasticity",
        "Journal of Neuroscience 26(38):9673-9682",
        "10.1523/JNEUROSCI.1425-06.2006",
    ),
    "rueckauer2017": Reference(
        "Rueckauer B., Lungu I.-A., Hu Y., Pfeiffer M., Liu S.-C.",
        2017,
        "Conversion of continuous-valued deep networks to efficient event-driven networks for "
        "image classification",
        "Frontiers in Neuroscience 11:682",
        "10.3389/fnins.2017.00682",
    ),
    "rueckauer2018": Reference(
        "Rueckauer B., Liu S.-C.",
        2018,
        "Conversion of analog to spiking neural networks using sparse temporal coding",
        "IEEE International Symposium on Circuits and Systems",
        "10.1109/ISCAS.2018.8351295",
    ),
    "shrestha2017": Reference(
        "Shrestha A., Ahmed K., Wang Y., Widemann D. P., Moody A. T., Van Essen B. C., Qiu Q.",
        2017,
        "A spike-based long short-term memory on a neurosynaptic processor",
        "IEEE/ACM International Conference on Computer-Aided Design",
        "https://experts.syr.edu/en/publications/"
        "a-spike-based-long-short-term-memory-on-a-neurosynaptic-processor",
    ),
    "sjostrom2001": Reference(
        "Sjöström P. J., Turrigiano G. G., Nelson S. B.",
        2001,
        "Rate, timing, and cooperativity jointly determine cortical synaptic plasticity",
        "Neuron 32(6):1149-1164",
        "10.1016/S0896-6273(01)00542-6",
    ),
    "song2000": Reference(
        "Song S., Miller K. D., Abbott L. F.",
        2000,
        "Competitive Hebbian learning through spike-timing-dependent synaptic plasticity",
        "Nature Neuroscience 3(9):919-926",
        "10.1038/78829",
    ),
    "stanojevic2022": Reference(
        "Stanojevic A., Woźniak S., Bellec G., Cherubini G., Pantazi A., Gerstner W.",
        2022,
        "An exact mapping from ReLU networks to spiking neural networks",
        "arXiv:2212.12522",
        "https://arxiv.org/abs/2212.12522",
    ),
    "stimberg2019": Reference(
        "Stimberg M., Brette R., Goodman D. F. M.",
        2019,
        "Brian 2, an intuitive and efficient neural simulator",
        "eLife 8:e47314",
        "10.7554/eLife.47314",
    ),
    "vanrossum2001": Reference(
        "van Rossum M. C. W.",
        2001,
        "A novel spike distance",
        "Neural Computation 13(4):751-763",
        "10.1162/089976601300014321",
    ),
    "wilson1927": Reference(
        "Wilson E. B.",
        1927,
        "Probable inference, the law of succession, and statistical inference",
        "Journal of the American Statistical Association 22(158):209-212",
        "10.1080/01621459.1927.10502953",
    ),
    "zenke2018": Reference(
        "Zenke F., Ganguli S.",
        2018,
        "SuperSpike: Supervised learning in multilayer spiking neural networks",
        "Neural Computation 30(6):1514-1541",
        "10.1162/neco_a_01086",
    ),
    "zenke2021": Reference(
        "Zenke F., Vogels T. P.",
        2021,
        "The remarkable robustness of surrogate gradient learning for instilling complex function "
        "in spiking neural networks",
        "Neural Computation 33(4):899-925",
        "10.1162/neco_a_01367",
    ),
    "zou2008": Reference(
        "Zou G. Y., Donner A.",
        2008,
        "Construction of confidence limits about effect measures: a general approach",
        "Statistics in Medicine 27(10):1693-1702",
        "10.1002/sim.3095",
    ),
}


def cited(keys: list[str]) -> dict[str, Reference]:
    """Return the references by key in the order of their first citation.

    Raises
    ------
    KeyError
        If a key is unknown.
    """
    return {key: REFERENCES[key] for key in dict.fromkeys(keys)}
