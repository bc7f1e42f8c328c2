namespace CramGrains.Interfaces;
