namespace CramGrains.Model;
